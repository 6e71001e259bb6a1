// What a parsed statement is below what wraps it, and where it writes files: read from the parse tree, because a statement's
// text can hide it in many ways; and whether it commits, which its type does not tell.

#include "duckdb/main/capi/capi_internal.hpp"
#include "duckdb/parser/expression/comparison_expression.hpp"
#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/function_expression.hpp"
#include "duckdb/parser/parsed_data/copy_info.hpp"
#include "duckdb/parser/parsed_data/transaction_info.hpp"
#include "duckdb/parser/statement/call_statement.hpp"
#include "duckdb/parser/statement/copy_statement.hpp"
#include "duckdb/parser/statement/explain_statement.hpp"
#include "duckdb/parser/statement/prepare_statement.hpp"
#include "duckdb/parser/statement/transaction_statement.hpp"

namespace {

using namespace duckdb;

// What a statement does that EXPLAIN ANALYZE or PREPARE wraps, however deep.
SQLStatement &Innermost(SQLStatement &statement) {
	reference<SQLStatement> inner = statement;
	while (true) {
		switch (inner.get().type) {
		case StatementType::EXPLAIN_STATEMENT:
			inner = *inner.get().Cast<ExplainStatement>().stmt;
			break;
		case StatementType::PREPARE_STATEMENT:
			inner = *inner.get().Cast<PrepareStatement>().statement;
			break;
		default:
			return inner.get();
		}
	}
}

// Whether the names of the files in a directory that is written are such as to stay in it.
bool StaysInDirectory(const CopyInfo &info) {
	auto plain = [](const string &pattern) {
		return pattern.find_first_of("/\\") == string::npos && pattern.find("..") == string::npos;
	};
	auto parsed = info.parsed_options.find("filename_pattern");
	if (parsed != info.parsed_options.end()) {
		auto &expression = parsed->second;
		if (!expression || expression->GetExpressionType() != ExpressionType::VALUE_CONSTANT ||
		    !plain(expression->Cast<ConstantExpression>().value.ToString())) {
			return false;
		}
	}
	auto value = info.options.find("filename_pattern");
	if (value != info.options.end()) {
		for (auto &pattern : value->second) {
			if (!plain(pattern.ToString())) {
				return false;
			}
		}
	}
	return true;
}

} // namespace

extern "C" {

// What the statement at `index` of those extracted would do with files: 0 nothing, 1 write below the path that `path` gets
// (for the caller to free with duckdb_free), 2 write where only running it tells. -1 when there is no such statement, or it
// was prepared already. `type` gets what the statement is that is wrapped in it, or itself, and `wrapped` which of the two;
// `commits` whether it is a COMMIT.
int32_t pintail_statement_reach(duckdb_extracted_statements extracted, uint64_t index, duckdb_statement_type *type,
                                bool *wrapped, bool *commits, char **path) {
	try {
		auto &wrapper = *reinterpret_cast<ExtractStatementsWrapper *>(extracted);
		if (index >= wrapper.statements.size() || !wrapper.statements[index]) {
			return -1;
		}
		auto &statement = Innermost(*wrapper.statements[index]);
		*type = StatementTypeToC(statement.type);
		*wrapped = &statement != wrapper.statements[index].get();
		*commits = statement.type == StatementType::TRANSACTION_STATEMENT &&
		           statement.Cast<TransactionStatement>().info->type == TransactionType::COMMIT;
		if (statement.type != StatementType::COPY_STATEMENT) {
			return 0;
		}
		auto &info = *statement.Cast<CopyStatement>().info;
		if (info.is_from) {
			return 0;
		}
		if (info.file_path_expression || info.file_path.find('\0') != string::npos || !StaysInDirectory(info)) {
			return 2;
		}
		*path = strdup(info.file_path.c_str());
		return 1;
	} catch (...) {
		return -1;
	}
}

// What the statement at `index` of those extracted wants a commit to say: 1 when it calls DuckLake's `set_commit_message` with
// plain text, which the pointers get as far as it is not NULL (for the caller to free with duckdb_free), -1 when it calls it
// with anything else, 0 when it does not call it.
int32_t pintail_statement_note(duckdb_extracted_statements extracted, uint64_t index, char **author, char **message,
                               char **extra_info) {
	try {
		auto &wrapper = *reinterpret_cast<ExtractStatementsWrapper *>(extracted);
		if (index >= wrapper.statements.size() || !wrapper.statements[index]) {
			return 0;
		}
		auto &statement = *wrapper.statements[index];
		if (statement.type != StatementType::CALL_STATEMENT) {
			return 0;
		}
		auto &expression = *statement.Cast<CallStatement>().function;
		if (expression.GetExpressionType() != ExpressionType::FUNCTION) {
			return 0;
		}
		auto &function = expression.Cast<FunctionExpression>();
		// The function itself takes the name of the catalog before the texts.
		idx_t position;
		if (function.function_name == "set_commit_message") {
			position = 0;
		} else if (function.function_name == "ducklake_set_commit_message") {
			position = 1;
		} else {
			return 0;
		}
		for (idx_t i = 0; i < function.children.size(); i++) {
			reference<ParsedExpression> child = *function.children[i];
			bool named = !child.get().GetAlias().empty();
			if (child.get().GetExpressionType() == ExpressionType::COMPARE_EQUAL) {
				child = *child.get().Cast<ComparisonExpression>().right;
				named = true;
			}
			auto target = named ? extra_info : i == position ? author : i == position + 1 ? message : nullptr;
			if (!target) {
				continue;
			}
			if (child.get().GetExpressionType() != ExpressionType::VALUE_CONSTANT) {
				return -1;
			}
			auto &value = child.get().Cast<ConstantExpression>().value;
			if (!value.IsNull()) {
				*target = strdup(value.ToString().c_str());
			}
		}
		return 1;
	} catch (...) {
		return -1;
	}
}
}
