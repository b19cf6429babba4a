"""Profiles: their schema, how they are loaded, inherited and expanded into cells. Nothing here touches the host."""
