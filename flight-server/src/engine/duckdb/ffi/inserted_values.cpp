// What an INSERT inserts, by its parse tree and its table.

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_entry/schema_catalog_entry.hpp"
#include "duckdb/catalog/catalog_entry/table_catalog_entry.hpp"
#include "duckdb/catalog/entry_lookup_info.hpp"
#include "duckdb/common/type_visitor.hpp"
#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/prepared_statement_data.hpp"
#include "duckdb/parser/constraints/check_constraint.hpp"
#include "duckdb/parser/expression/cast_expression.hpp"
#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/function_expression.hpp"
#include "duckdb/parser/expression/parameter_expression.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "duckdb/parser/query_node.hpp"
#include "duckdb/parser/statement/insert_statement.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/parser/tableref/expressionlistref.hpp"
#include "duckdb/planner/binder.hpp"

namespace {

using namespace duckdb;

// Whether an expression is the same value whenever it is computed. DuckDB's parser makes a cast of some constants, as of true.
bool IsConstant(const ParsedExpression &expr) {
	if (expr.GetExpressionClass() == ExpressionClass::CAST) {
		auto &cast = expr.Cast<CastExpression>();
		return cast.cast_type.id() == LogicalTypeId::BOOLEAN &&
		       cast.child->GetExpressionClass() == ExpressionClass::CONSTANT;
	}
	return expr.GetExpressionClass() == ExpressionClass::CONSTANT;
}

// What a table does with the rows that come to it, besides keeping them.
class Additions {
public:
	Additions(ClientContext &context, TableCatalogEntry &table) : context(context), table(table) {
	}

	// Whether it is the same whenever it is done.
	bool ArePlain() {
		for (auto &column : table.GetColumns().Logical()) {
			// A time without an offset gets the one that its time zone has now.
			if (TypeVisitor::Contains(column.Type(), LogicalTypeId::TIME_TZ)) {
				return false;
			}
			if (!column.Generated() && column.HasDefaultValue() && !IsPlainDefault(column.DefaultValue())) {
				return false;
			}
		}
		for (auto &constraint : table.GetConstraints()) {
			if (constraint->type == ConstraintType::CHECK && Calls(*constraint->Cast<CheckConstraint>().expression)) {
				return false;
			}
		}
		return true;
	}

private:
	// Whether a default is computed for each row, or is the same for all. Some functions of the time DuckDB computes when it plans.
	bool IsPlainDefault(const ParsedExpression &expr) {
		if (expr.GetExpressionClass() != ExpressionClass::FUNCTION) {
			return IsConstant(expr);
		}
		auto &function = expr.Cast<FunctionExpression>();
		return StringUtil::CIEquals(function.function_name, "nextval") && IsBuiltIn(function) &&
		       function.children.size() == 1 && IsConstant(*function.children[0]);
	}

	// Whether an expression calls a function other than an operator.
	bool Calls(const ParsedExpression &expr) {
		if (expr.GetExpressionClass() == ExpressionClass::FUNCTION) {
			auto &function = expr.Cast<FunctionExpression>();
			if (!function.is_operator || !IsBuiltIn(function)) {
				return true;
			}
		}
		auto calls = false;
		ParsedExpressionIterator::EnumerateChildren(expr,
		                                            [&](const ParsedExpression &child) { calls |= Calls(child); });
		return calls;
	}

	// Whether a function is DuckDB's own, wherever it is looked for: a macro may have the name of one, and of an operator too.
	bool IsBuiltIn(const FunctionExpression &function) {
		auto of_table = table.ParentCatalog().GetName();
		const std::pair<string, string> places[] = {{function.catalog, function.schema},
		                                            {of_table, table.ParentSchema().name},
		                                            {of_table, DEFAULT_SCHEMA}};
		EntryLookupInfo lookup(CatalogType::SCALAR_FUNCTION_ENTRY, function.function_name);
		for (auto &place : places) {
			auto entry =
			    Catalog::GetEntry(context, place.first, place.second, lookup, OnEntryNotFound::RETURN_NULL);
			if (entry && (entry->type != CatalogType::SCALAR_FUNCTION_ENTRY || !entry->internal)) {
				return false;
			}
		}
		return true;
	}

	ClientContext &context;
	TableCatalogEntry &table;
};

// The INSERT of rows of plain values that a statement is: constants, and parameters that are nowhere else in it. Null when it is
// something else.
optional_ptr<const InsertStatement> InsertOfValues(duckdb_prepared_statement statement) {
	auto &data = reinterpret_cast<PreparedStatementWrapper *>(statement)->statement->data;
	if (!data || !data->unbound_statement || data->unbound_statement->type != StatementType::INSERT_STATEMENT) {
		return nullptr;
	}
	auto &insert = data->unbound_statement->Cast<InsertStatement>();
	auto rows = insert.GetValuesList();
	if (!rows || insert.on_conflict_info || !insert.returning_list.empty() || !insert.cte_map.map.empty() ||
	    !insert.select_statement->node->modifiers.empty()) {
		return nullptr;
	}
	case_insensitive_set_t seen;
	for (auto &row : rows->values) {
		for (auto &value : row) {
			auto is_parameter = value->GetExpressionClass() == ExpressionClass::PARAMETER;
			if (!is_parameter && !IsConstant(*value)) {
				return nullptr;
			}
			if (is_parameter && !seen.insert(value->Cast<ParameterExpression>().identifier).second) {
				return nullptr;
			}
		}
	}
	return &insert;
}

} // namespace

extern "C" {

// Whether all that a prepared statement does is to insert rows of plain values. DuckDB casts each to the type of its column, and
// does nothing else with it.
bool pintail_inserts_values(duckdb_prepared_statement statement) {
	try {
		return InsertOfValues(statement) != nullptr;
	} catch (...) {
		return false;
	}
}

// Whether a prepared statement inserts plain values into a table which adds and checks no others, so that its plan does the same
// whenever it is executed.
bool pintail_inserts_alike(duckdb_connection connection, duckdb_prepared_statement statement) {
	try {
		auto insert = InsertOfValues(statement);
		if (!insert) {
			return false;
		}
		auto &context = *reinterpret_cast<Connection *>(connection)->context;
		auto is_plain = false;
		context.RunFunctionInTransaction(
		    [&]() {
			    auto catalog = insert->catalog, schema = insert->schema;
			    Binder::BindSchemaOrCatalog(context, catalog, schema);
			    auto &table = Catalog::GetEntry<TableCatalogEntry>(context, catalog, schema, insert->table);
			    is_plain = Additions(context, table).ArePlain();
		    },
		    false);
		return is_plain;
	} catch (...) {
		return false;
	}
}

} // extern "C"
