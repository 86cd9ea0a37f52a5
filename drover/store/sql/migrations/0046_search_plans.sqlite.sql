-- SQLite reads names by their index without being told.
SELECT 1;
