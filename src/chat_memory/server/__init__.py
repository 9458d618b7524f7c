"""The room that speaks protocols: composition, MCP and stdio."""
