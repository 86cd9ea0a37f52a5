-- SQLite writes a gateway's row once in a millisecond, whatever comes behind it.
SELECT 1;
