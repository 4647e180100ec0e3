"""The journal of a SQLite store: every committed change a second time, in files of its own.

A transaction's changed rows become one record that is on the disk before the transaction commits, written
with the store's write lock held: the order of the records is the order of the commits of all processes. The
table `journal` says where the store is in it. A snapshot and the records after it are the store, exactly.
PostgreSQL has a log of its own; nothing here touches it.
"""
