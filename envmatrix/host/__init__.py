"""The host: capabilities, probes, interpreters. Says what is true here; decides nothing."""
