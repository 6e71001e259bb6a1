// Dictionaries made flat without a copy of the strings they hold.

#pragma once

#include "duckdb/common/types/vector.hpp"

namespace pintail {

// Makes a flat vector of what comes from a dictionary; false for values that have others within. DuckDB's own way was
// 4 % of the processor time of lineitem, and copies each string once more; here those that are too long for the vector stay where
// they are.
bool FlattenDictionary(duckdb::Vector &dictionary, duckdb::idx_t count, duckdb::Vector &out);

} // namespace pintail
