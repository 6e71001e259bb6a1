import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.Statement;
import java.sql.Types;

/** How the columns of a result are described, for every SQL type. */
public class Columns {
    public static void main(String[] arguments) throws Exception {
        Proof.run(Columns.class, arguments);
    }

    static final Object[][] TYPES = {
        {"BOOLEAN", Types.BOOLEAN, "BOOLEAN", 0, 0}, {"TINYINT", Types.TINYINT, "TINYINT", 0, 0},
        {"SMALLINT", Types.SMALLINT, "SMALLINT", 0, 0}, {"INTEGER", Types.INTEGER, "INTEGER", 0, 0},
        {"BIGINT", Types.BIGINT, "BIGINT", 0, 0}, {"UTINYINT", Types.TINYINT, "TINYINT", 0, 0},
        {"USMALLINT", Types.SMALLINT, "SMALLINT", 0, 0}, {"UINTEGER", Types.INTEGER, "INTEGER", 0, 0},
        {"UBIGINT", Types.BIGINT, "BIGINT", 0, 0}, {"HUGEINT", Types.DECIMAL, "DECIMAL", 38, 0},
        {"UHUGEINT", Types.DECIMAL, "DECIMAL", 39, 0}, {"FLOAT", Types.FLOAT, "FLOAT", 0, 0},
        {"DOUBLE", Types.DOUBLE, "DOUBLE", 0, 0}, {"DECIMAL(18,3)", Types.DECIMAL, "DECIMAL", 18, 3},
        {"VARCHAR", Types.VARCHAR, "VARCHAR", 0, 0}, {"ENUM('a', 'b')", Types.VARCHAR, "VARCHAR", 0, 0},
        {"JSON", Types.VARCHAR, "VARCHAR", 0, 0}, {"UUID", Types.BINARY, "BINARY", 0, 0},
        {"BLOB", Types.VARBINARY, "VARBINARY", 0, 0}, {"BIT", Types.VARCHAR, "VARCHAR", 0, 0},
        {"BIGNUM", Types.VARCHAR, "VARCHAR", 0, 0}, {"DATE", Types.DATE, "DATE", 0, 0}, {"TIME", Types.TIME, "TIME", 0, 0},
        {"TIME_NS", Types.TIME, "TIME", 0, 0}, {"TIME WITH TIME ZONE", Types.VARCHAR, "VARCHAR", 0, 0},
        {"TIMESTAMP", Types.TIMESTAMP, "TIMESTAMP", 0, 0}, {"TIMESTAMP_S", Types.TIMESTAMP, "TIMESTAMP", 0, 0},
        {"TIMESTAMP_MS", Types.TIMESTAMP, "TIMESTAMP", 0, 0}, {"TIMESTAMP_NS", Types.TIMESTAMP, "TIMESTAMP", 0, 0},
        {"TIMESTAMP WITH TIME ZONE", Types.TIMESTAMP_WITH_TIMEZONE, "TIMESTAMP_WITH_TIMEZONE", 0, 0},
        {"INTERVAL", Types.JAVA_OBJECT, "JAVA_OBJECT", 0, 0}, {"INTEGER[]", Types.ARRAY, "ARRAY", 0, 0},
        {"INTEGER[3]", Types.ARRAY, "ARRAY", 0, 0}, {"STRUCT(a INTEGER)", Types.JAVA_OBJECT, "JAVA_OBJECT", 0, 0},
        {"MAP(VARCHAR, INTEGER)", Types.JAVA_OBJECT, "JAVA_OBJECT", 0, 0},
        {"UNION(i INTEGER, s VARCHAR)", Types.JAVA_OBJECT, "JAVA_OBJECT", 0, 0}, {"GEOMETRY", Types.VARBINARY, "VARBINARY", 0, 0},
        {"VARIANT", Types.VARCHAR, "VARCHAR", 0, 0},
    };

    @Proof.Check({"statement: columns described"})
    static void everyTypeIsDescribed(Connection connection) throws Exception {
        StringBuilder sql = new StringBuilder("SELECT ");
        for (int i = 0; i < TYPES.length; i++) {
            sql.append(i == 0 ? "" : ", ").append("NULL::").append(TYPES[i][0]).append(" AS c").append(i);
        }
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql.toString())) {
            ResultSetMetaData columns = rows.getMetaData();
            Proof.equal("columns", TYPES.length, columns.getColumnCount());
            for (int i = 0; i < TYPES.length; i++) {
                String type = (String) TYPES[i][0];
                Proof.equal("label", "c" + i, columns.getColumnLabel(i + 1));
                Proof.equal("name", "c" + i, columns.getColumnName(i + 1));
                Proof.equal("number of " + type, TYPES[i][1], columns.getColumnType(i + 1));
                Proof.equal("name of " + type, TYPES[i][2], columns.getColumnTypeName(i + 1));
                Proof.equal("precision of " + type, TYPES[i][3], columns.getPrecision(i + 1));
                Proof.equal("scale of " + type, TYPES[i][4], columns.getScale(i + 1));
            }
            Proof.check("a row", rows.next());
            for (int i = 1; i <= TYPES.length; i++) {
                // An object of the zoned type is an error of the driver's own.
                if (columns.getColumnType(i) != Types.TIMESTAMP_WITH_TIMEZONE) {
                    Proof.equal("NULL of " + TYPES[i - 1][0], null, rows.getObject(i));
                }
            }
        }
    }

    /** The driver tells of no column whether it may be null, and says of each that it may not. */
    @Proof.Check(lacks = {"statement: nullability of columns", "statement: schema without a run"},
        because = "the driver does not read it from the schema, and has no call that does not run")
    static void nullabilityIsNotOffered(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TEMPORARY TABLE nullable (n INTEGER, m INTEGER NOT NULL)");
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SELECT * FROM nullable, range(1)")) {
            Proof.equal("may be", ResultSetMetaData.columnNoNulls, rows.getMetaData().isNullable(1));
            Proof.equal("must not be", ResultSetMetaData.columnNoNulls, rows.getMetaData().isNullable(2));
        }
    }

    @Proof.Check
    static void theQualitiesOfAColumnAreTold(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SELECT 'x' AS t, 1 AS i")) {
            ResultSetMetaData columns = rows.getMetaData();
            Proof.check("a text can be searched", columns.isSearchable(1) && columns.isSearchable(2));
            Proof.check("a text is told apart by its case", columns.isCaseSensitive(1));
            Proof.check("a number has no case", !columns.isCaseSensitive(2));
        }
    }
}
