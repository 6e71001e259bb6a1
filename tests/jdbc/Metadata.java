import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** What a tool reads to draw a database: its tables, columns, keys and types, and all that the driver tells of the server. */
public class Metadata {
    public static void main(String[] arguments) throws Exception {
        Proof.run(Metadata.class, arguments);
    }

    /** A schema of a check's own, with the tables of two airlines. */
    static DatabaseMetaData drawn(Connection connection, String schema) throws SQLException {
        Proof.execute(connection, "DROP SCHEMA IF EXISTS " + schema + " CASCADE", "CREATE SCHEMA " + schema, "USE " + schema,
            "CREATE SEQUENCE ids",
            "CREATE TABLE airports (country VARCHAR, code VARCHAR, PRIMARY KEY (country, code))",
            "CREATE TABLE flights (id INTEGER PRIMARY KEY DEFAULT nextval('ids'), origin VARCHAR, country VARCHAR,"
                + " miles DECIMAL(9,2) NOT NULL, departed TIMESTAMP DEFAULT TIMESTAMP '2013-01-01', kind ENUM('day', 'night'),"
                + " double_miles DECIMAL(10,2) GENERATED ALWAYS AS (miles * 2),"
                + " FOREIGN KEY (country, origin) REFERENCES airports (country, code))",
            "COMMENT ON TABLE flights IS 'what has flown'", "COMMENT ON COLUMN flights.miles IS 'as the crow flies'",
            "CREATE VIEW far AS SELECT * FROM flights WHERE miles > 1000",
            "CREATE TABLE \"odd _%\\name\" (\"a \"\"quoted\"\" one\" INTEGER)");
        return connection.getMetaData();
    }

    static List<String> rows(ResultSet found, String... names) throws SQLException {
        List<String> rows = new ArrayList<>();
        try (found) {
            while (found.next()) {
                List<String> row = new ArrayList<>();
                for (String name : names) {
                    row.add(found.getString(name));
                }
                rows.add(String.join("|", row.stream().map(String::valueOf).toList()));
            }
        }
        return rows;
    }

    @Proof.Check({"metadata: primary keys"})
    static void primaryKeys(Connection connection) throws Exception {
        DatabaseMetaData metadata = drawn(connection, "primary_keys");
        Proof.equal("primary key", List.of("primary_keys|airports|country|1", "primary_keys|airports|code|2"),
            rows(metadata.getPrimaryKeys(null, "primary_keys", "airports"), "TABLE_SCHEM", "TABLE_NAME", "COLUMN_NAME", "KEY_SEQ"));
        Proof.equal("of a view", List.of(), rows(metadata.getPrimaryKeys(null, "primary_keys", "far"), "COLUMN_NAME"));
        Proof.equal("of nothing", List.of(), rows(metadata.getPrimaryKeys(null, "primary_keys", "nothing"), "COLUMN_NAME"));
    }

    @Proof.Check({"metadata: foreign keys"})
    static void foreignKeys(Connection connection) throws Exception {
        DatabaseMetaData metadata = drawn(connection, "foreign_keys");
        String[] names = {"PKTABLE_NAME", "PKCOLUMN_NAME", "FKTABLE_NAME", "FKCOLUMN_NAME", "KEY_SEQ", "UPDATE_RULE", "DELETE_RULE"};
        int none = DatabaseMetaData.importedKeyNoAction;
        List<String> key = List.of("airports|country|flights|country|1|" + none + "|" + none,
            "airports|code|flights|origin|2|" + none + "|" + none);
        Proof.equal("imported", key, rows(metadata.getImportedKeys(null, "foreign_keys", "flights"), names));
        Proof.equal("exported", key, rows(metadata.getExportedKeys(null, "foreign_keys", "airports"), names));
        Proof.equal("crossed", key,
            rows(metadata.getCrossReference(null, "foreign_keys", "airports", null, "foreign_keys", "flights"), names));
        Proof.equal("not the other way", List.of(),
            rows(metadata.getCrossReference(null, "foreign_keys", "flights", null, "foreign_keys", "airports"), names));
        Proof.equal("none imported", List.of(), rows(metadata.getImportedKeys(null, "foreign_keys", "airports"), names));
    }

    @Proof.Check({"metadata: catalogs", "metadata: schemas", "metadata: table types"})
    static void places(Connection connection) throws Exception {
        DatabaseMetaData metadata = drawn(connection, "places");
        String catalog = (String) Proof.value(connection, "SELECT current_database()");
        Proof.check("catalogs", Proof.column(metadata.getCatalogs(), "TABLE_CAT").contains(catalog));
        Proof.check("schemas", rows(metadata.getSchemas(), "TABLE_CATALOG", "TABLE_SCHEM").contains(catalog + "|places"));
        Proof.equal("by pattern", List.of("places"), Proof.column(metadata.getSchemas(catalog, "pl_ces"), "TABLE_SCHEM"));
        Proof.equal("of no catalog", List.of(), Proof.column(metadata.getSchemas("nowhere", null), "TABLE_SCHEM"));
        List<String> types = Proof.column(metadata.getTableTypes(), "TABLE_TYPE");
        Proof.equal("table types", List.of("BASE TABLE", "LOCAL TEMPORARY", "VIEW"), types);
    }

    @Proof.Check({"metadata: tables", "metadata: filters"})
    static void tables(Connection connection) throws Exception {
        DatabaseMetaData metadata = drawn(connection, "tabled");
        Proof.equal("all", List.of("tabled|airports|BASE TABLE", "tabled|flights|BASE TABLE", "tabled|odd _%\\name|BASE TABLE", "tabled|far|VIEW"),
            rows(metadata.getTables(null, "tabled", "%", null), "TABLE_SCHEM", "TABLE_NAME", "TABLE_TYPE"));
        Proof.equal("views", List.of("far"),
            Proof.column(metadata.getTables(null, "tabled", null, new String[] {"VIEW"}), "TABLE_NAME"));
        Proof.equal("of two types", 4,
            Proof.column(metadata.getTables(null, "tabled", null, new String[] {"TABLE", "VIEW"}), "TABLE_NAME").size());
        Proof.equal("by pattern", List.of("flights"), Proof.column(metadata.getTables(null, "tab%", "fl_ght%", null), "TABLE_NAME"));
        String escaped = "odd \\_\\%\\\\name";
        Proof.equal("escape", "\\", metadata.getSearchStringEscape());
        Proof.equal("by its name", 1, Proof.column(metadata.getTables(null, "tabled", escaped, null), "TABLE_NAME").size());
        Proof.equal("none", List.of(), Proof.column(metadata.getTables(null, "tabled", "flight", null), "TABLE_NAME"));
        Proof.execute(connection, "CREATE TEMPORARY TABLE passing (i INTEGER)");
        Proof.equal("temporary", List.of("LOCAL TEMPORARY"), Proof.column(metadata.getTables("temp", null, "passing", null), "TABLE_TYPE"));
    }

    @Proof.Check({"metadata: columns"})
    static void columns(Connection connection) throws Exception {
        DatabaseMetaData metadata = drawn(connection, "columned");
        String[] names = {"COLUMN_NAME", "DATA_TYPE", "TYPE_NAME", "COLUMN_SIZE", "DECIMAL_DIGITS", "NULLABLE", "IS_NULLABLE",
            "ORDINAL_POSITION", "IS_AUTOINCREMENT"};
        Proof.equal("columns", List.of(
            "id|4|INTEGER|10|0|0|NO|1|YES",
            "origin|12|VARCHAR|65536|null|1|YES|2|NO",
            "country|12|VARCHAR|65536|null|1|YES|3|NO",
            "miles|3|DECIMAL(9,2)|9|2|0|NO|4|NO",
            "departed|93|TIMESTAMP|26|6|1|YES|5|NO",
            "kind|12|ENUM('day', 'night')|65536|null|1|YES|6|NO",
            "double_miles|3|DECIMAL(10,2)|10|2|1|YES|7|NO"),
            rows(metadata.getColumns(null, "columned", "flights", null), names));
        Proof.equal("by pattern", List.of("miles", "double_miles"),
            Proof.column(metadata.getColumns(null, "columned", "flights", "%miles"), "COLUMN_NAME"));
        Proof.equal("of a view", 7, Proof.column(metadata.getColumns(null, "columned", "far", null), "COLUMN_NAME").size());
        Proof.equal("quoted", List.of("a \"quoted\" one"),
            Proof.column(metadata.getColumns(null, "columned", "odd%", null), "COLUMN_NAME"));
        String catalog = (String) Proof.value(connection, "SELECT current_database()");
        Proof.equal("place", List.of(catalog + "|columned|airports", catalog + "|columned|airports"),
            rows(metadata.getColumns(catalog, "columned", "airports", null), "TABLE_CAT", "TABLE_SCHEM", "TABLE_NAME"));
    }

    @Proof.Check
    static void everyTypeOfColumnHasItsNameAndNumber(Connection connection) throws Exception {
        Object[][] types = {
            {"BOOLEAN", Types.BOOLEAN}, {"TINYINT", Types.TINYINT}, {"SMALLINT", Types.SMALLINT}, {"INTEGER", Types.INTEGER},
            {"BIGINT", Types.BIGINT}, {"UTINYINT", Types.TINYINT}, {"USMALLINT", Types.SMALLINT}, {"UINTEGER", Types.INTEGER},
            {"UBIGINT", Types.BIGINT}, {"HUGEINT", Types.DECIMAL}, {"UHUGEINT", Types.DECIMAL}, {"FLOAT", Types.FLOAT},
            {"DOUBLE", Types.DOUBLE}, {"DECIMAL(18,3)", Types.DECIMAL}, {"VARCHAR", Types.VARCHAR}, {"JSON", Types.VARCHAR},
            {"UUID", Types.BINARY}, {"BLOB", Types.VARBINARY}, {"BIT", Types.VARCHAR}, {"BIGNUM", Types.VARCHAR},
            {"DATE", Types.DATE}, {"TIME", Types.TIME}, {"TIME_NS", Types.TIME}, {"TIME WITH TIME ZONE", Types.VARCHAR},
            {"TIMESTAMP", Types.TIMESTAMP}, {"TIMESTAMP_S", Types.TIMESTAMP}, {"TIMESTAMP_MS", Types.TIMESTAMP},
            {"TIMESTAMP_NS", Types.TIMESTAMP}, {"TIMESTAMP WITH TIME ZONE", Types.TIMESTAMP_WITH_TIMEZONE},
            {"INTERVAL", Types.JAVA_OBJECT}, {"INTEGER[]", Types.ARRAY}, {"INTEGER[3]", Types.ARRAY},
            {"STRUCT(a INTEGER)", Types.JAVA_OBJECT}, {"MAP(VARCHAR, INTEGER)", Types.JAVA_OBJECT},
            {"UNION(i INTEGER, s VARCHAR)", Types.JAVA_OBJECT}, {"GEOMETRY", Types.VARBINARY},
        };
        StringBuilder sql = new StringBuilder("CREATE TABLE every_type (");
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < types.length; i++) {
            sql.append(i == 0 ? "" : ", ").append("c").append(i).append(' ').append(types[i][0]);
            expected.add("c" + i + "|" + types[i][1] + "|" + types[i][0]);
        }
        Proof.execute(connection, "DROP SCHEMA IF EXISTS every_one CASCADE", "CREATE SCHEMA every_one", "USE every_one", sql + ")");
        Proof.equal("types", expected,
            rows(connection.getMetaData().getColumns(null, "every_one", "every_type", null), "COLUMN_NAME", "DATA_TYPE", "TYPE_NAME"));
    }

    @Proof.Check
    static void remarksOfColumnsAreTold(Connection connection) throws Exception {
        DatabaseMetaData metadata = drawn(connection, "remarked");
        Proof.equal("remarks", List.of("as the crow flies"),
            Proof.column(metadata.getColumns(null, "remarked", "flights", "miles"), "REMARKS"));
    }

    /** The driver leaves these empty whatever the server says: Flight SQL has no place for them, or the driver reads none. */
    @Proof.Check
    static void defaultsAndRemarksOfTablesAreNotOffered(Connection connection) throws Exception {
        DatabaseMetaData metadata = drawn(connection, "left_empty");
        for (String column : new String[] {"id", "departed", "double_miles"}) {
            Proof.equal("default of " + column, List.of("null|"),
                rows(metadata.getColumns(null, "left_empty", "flights", column), "COLUMN_DEF", "IS_GENERATEDCOLUMN"));
        }
        Proof.equal("remarks", List.of("null"), rows(metadata.getTables(null, "left_empty", "flights", null), "REMARKS"));
    }

    @Proof.Check(lacks = {"metadata: types", "metadata: statistics", "metadata: tables as flights", "metadata: schema of a table"},
        because = "the driver answers by itself, with nothing, or has no call for it")
    static void typesAndIndexesAreAnsweredByTheDriver(Connection connection) throws Exception {
        DatabaseMetaData metadata = drawn(connection, "unanswered");
        Proof.equal("types", 0, Proof.column(metadata.getTypeInfo(), "TYPE_NAME").size());
        Proof.equal("indexes", 0, rows(metadata.getIndexInfo(null, "unanswered", "flights", false, true)).size());
        Proof.equal("functions", 0, rows(metadata.getFunctions(null, null, "%")).size());
        Proof.equal("procedures", 0, rows(metadata.getProcedures(null, null, "%")).size());
    }

    @Proof.Check({"metadata: server information"})
    static void theServerIsDescribed(Connection connection) throws Exception {
        DatabaseMetaData metadata = connection.getMetaData();
        Proof.equal("product", "Pintail", metadata.getDatabaseProductName());
        Proof.check("version", metadata.getDatabaseProductVersion().matches("\\d+\\.\\d+\\.\\d+.*"));
        Proof.equal("quote", "\"", metadata.getIdentifierQuoteString());
        Proof.check("written to", !metadata.isReadOnly());
        Proof.equal("terms", "database schema", metadata.getCatalogTerm() + " " + metadata.getSchemaTerm());
        Proof.check("a keyword of DuckDB", List.of(metadata.getSQLKeywords().split("\\s*,\\s*")).contains("QUALIFY"));
        List<String> functions = new ArrayList<>();
        for (String list : new String[] {metadata.getNumericFunctions(), metadata.getStringFunctions(), metadata.getTimeDateFunctions(),
            metadata.getSystemFunctions()}) {
            functions.add(list);
            Proof.check("functions", list.split(",").length > 1);
        }
        Proof.check("of numbers", functions.get(0).toUpperCase().contains("SQRT"));
        Proof.check("of texts", functions.get(1).toUpperCase().contains("LENGTH"));
        // The driver reads the number that means full outer joins as a set of bits, and finds limited ones.
        Proof.check("joins", metadata.supportsOuterJoins());
        Proof.check("groups", metadata.supportsGroupBy() && metadata.supportsGroupByUnrelated());
        Proof.check("subqueries", metadata.supportsCorrelatedSubqueries() && metadata.supportsSubqueriesInExists());
        Proof.check("unions", metadata.supportsUnion() && metadata.supportsUnionAll());
        Proof.check("batches", metadata.supportsBatchUpdates());
        Proof.check("no savepoints", !metadata.supportsSavepoints());
        Proof.check("no procedures", !metadata.supportsStoredProcedures());
        Proof.check("forward only", metadata.supportsResultSetType(ResultSet.TYPE_FORWARD_ONLY)
            && !metadata.supportsResultSetType(ResultSet.TYPE_SCROLL_INSENSITIVE));
    }

    /** What the driver itself has not written; each throws `RuntimeException: todo: implement this method`. */
    static final Set<String> UNWRITTEN = Set.of("deletesAreDetected", "insertsAreDetected", "updatesAreDetected",
        "othersDeletesAreVisible", "othersInsertsAreVisible", "othersUpdatesAreVisible", "ownDeletesAreVisible",
        "ownInsertsAreVisible", "ownUpdatesAreVisible", "supportsResultSetHoldability");

    /** Every getter there is, with arguments that have a meaning; what fails is named, with its exception. */
    @Proof.Check
    static void everyQuestionIsAnswered(Connection connection) throws Exception {
        DatabaseMetaData metadata = drawn(connection, "s");
        TreeSet<String> failed = new TreeSet<>();
        int asked = 0;
        for (Method method : DatabaseMetaData.class.getMethods()) {
            if (method.getDeclaringClass() != DatabaseMetaData.class) {
                continue;
            }
            asked++;
            try {
                Object answer = method.invoke(metadata, arguments(method));
                if (answer instanceof ResultSet rows) {
                    // Read to its end: an error of the server comes with the rows.
                    rows(rows);
                }
            } catch (InvocationTargetException error) {
                if (!UNWRITTEN.contains(method.getName()) || !error.getCause().getMessage().startsWith("todo")) {
                    failed.add(method.getName() + ": " + error.getCause());
                }
            }
        }
        Proof.check("questions: " + asked, asked > 170);
        Proof.equal("unanswered", new TreeSet<String>(), failed);
    }

    static Object[] arguments(Method method) {
        Class<?>[] types = method.getParameterTypes();
        Object[] places = {null, "s", "airports", null, "s", "flights"};
        Object[] arguments = new Object[types.length];
        for (int i = 0; i < types.length; i++) {
            if (types[i] == String.class) {
                arguments[i] = places[i];
            } else if (types[i] == boolean.class) {
                arguments[i] = true;
            } else if (types[i] == int.class) {
                arguments[i] = switch (method.getName()) {
                    case "supportsConvert" -> Types.INTEGER;
                    case "supportsTransactionIsolationLevel" -> Connection.TRANSACTION_REPEATABLE_READ;
                    case "supportsResultSetHoldability" -> ResultSet.CLOSE_CURSORS_AT_COMMIT;
                    case "getBestRowIdentifier" -> DatabaseMetaData.bestRowSession;
                    default -> i == 0 ? ResultSet.TYPE_FORWARD_ONLY : ResultSet.CONCUR_READ_ONLY;
                };
            }
        }
        return arguments;
    }
}
