"""Files of prices that people bring: reading, columns, defects and their policy."""
