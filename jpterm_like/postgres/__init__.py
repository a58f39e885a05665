"""The database that several nodes share, on PostgreSQL 15 or later. Only this folder knows psycopg, and SQL.

| module | does |
|---|---|
| `engine` | `storage.engine.Engine`, one statement for each method |
| `connection` | one connection: a deadline that holds, and commits that are not on the replica |
| `schema` | the tables, and how they change from release to release |
| `address` | `postgresql://…` as people write it, without a password |
"""
