"""The store: tables, migrations, system variables, offices as files."""
