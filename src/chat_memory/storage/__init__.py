"""The room that speaks SQL: the database, its embedded server, and one module per table."""
