"""toxplugin."""
