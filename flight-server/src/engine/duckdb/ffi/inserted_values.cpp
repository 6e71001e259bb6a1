// What the values of a statement's parameters are for, by its parse tree.

#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/main/prepared_statement_data.hpp"
#include "duckdb/parser/expression/parameter_expression.hpp"
#include "duckdb/parser/statement/insert_statement.hpp"
#include "duckdb/parser/tableref/expressionlistref.hpp"

using namespace duckdb;

extern "C" {

// Whether each parameter of a prepared statement is a value of a row that it inserts, and is nowhere else in it. DuckDB casts such
// a value to the type of its column, and does nothing else with it.
bool pintail_inserts_parameters(duckdb_prepared_statement statement) {
	try {
		auto &data = reinterpret_cast<PreparedStatementWrapper *>(statement)->statement->data;
		if (!data || !data->unbound_statement || data->unbound_statement->type != StatementType::INSERT_STATEMENT) {
			return false;
		}
		auto &insert = data->unbound_statement->Cast<InsertStatement>();
		auto rows = insert.GetValuesList();
		if (!rows || insert.on_conflict_info || !insert.returning_list.empty() || !insert.cte_map.map.empty()) {
			return false;
		}
		case_insensitive_set_t seen;
		for (auto &row : rows->values) {
			for (auto &value : row) {
				if (value->GetExpressionClass() == ExpressionClass::PARAMETER) {
					if (!seen.insert(value->Cast<ParameterExpression>().identifier).second) {
						return false;
					}
				} else if (value->HasParameter() || value->HasSubquery()) {
					return false;
				}
			}
		}
		return true;
	} catch (...) {
		return false;
	}
}

} // extern "C"
