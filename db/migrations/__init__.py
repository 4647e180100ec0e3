"""The history of the tables, one file a step. `db.schema` runs them; files once released never change."""
