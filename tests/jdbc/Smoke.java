import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;

/** What a tool does first when it connects by JDBC. The only argument is the JDBC URL; a failure ends it with status 1. */
public class Smoke {
    public static void main(String[] arguments) throws Exception {
        try (Connection connection = DriverManager.getConnection(arguments[0])) {
            changesAreAppliedOnce(connection);
            valuesAreRead(connection);
            parametersAreBound(connection);
            metadataIsListed(connection);
            transactionsByTextAreTransactions(connection);
            errorsSayWhatIsWrong(connection);
        }
        System.out.println("passed");
    }

    static void changesAreAppliedOnce(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            // Each would fail, or count twice, if the driver had reason to run it again.
            check("a definition has no rows", !statement.execute("CREATE TABLE numbers (i INTEGER, s VARCHAR)"));
            equal("update count of a definition", 0, statement.getUpdateCount());
            equal("inserted", 2, statement.executeUpdate("INSERT INTO numbers VALUES (1, 'a'), (2, 'b')"));
            statement.execute("INSERT INTO numbers VALUES (3, 'c')");
            equal("rows", 3L, number(connection, "SELECT count(*) FROM numbers"));
        }
    }

    static void valuesAreRead(Connection connection) throws SQLException {
        String sql = "SELECT i, s, DATE '2024-01-02' AS d, 1.50::DECIMAL(10,2) AS e, NULL::INTEGER AS n"
            + " FROM numbers ORDER BY i";
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            for (int i = 1; i <= 3; i++) {
                check("a row", rows.next());
                equal("integer", i, rows.getInt("i"));
                equal("text", String.valueOf((char) ('a' + i - 1)), rows.getString("s"));
                equal("date", Date.valueOf("2024-01-02"), rows.getDate("d"));
                equal("decimal", new BigDecimal("1.50"), rows.getBigDecimal("e"));
                equal("null", null, rows.getObject("n"));
            }
            check("the end", !rows.next());
        }
    }

    static void parametersAreBound(Connection connection) throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO numbers VALUES (?, ?)")) {
            for (int i = 4; i <= 6; i++) {
                insert.setInt(1, i);
                insert.setString(2, "batch");
                insert.addBatch();
            }
            equal("batch", 3, Arrays.stream(insert.executeBatch()).sum());
        }
        try (PreparedStatement query = connection.prepareStatement("SELECT i FROM numbers WHERE s = ? AND i > ?")) {
            query.setString(1, "batch");
            query.setInt(2, 5);
            try (ResultSet rows = query.executeQuery()) {
                check("a row", rows.next());
                equal("found", 6, rows.getInt(1));
                check("the end", !rows.next());
            }
        }
    }

    static void metadataIsListed(Connection connection) throws SQLException {
        DatabaseMetaData metadata = connection.getMetaData();
        equal("product", "Pintail", metadata.getDatabaseProductName());
        try (ResultSet tables = metadata.getTables(null, "main", "numbers", null)) {
            check("a table", tables.next());
            equal("type", "BASE TABLE", tables.getString("TABLE_TYPE"));
        }
        try (ResultSet columns = metadata.getColumns(null, "main", "numbers", null)) {
            check("first column", columns.next());
            equal("name", "i", columns.getString("COLUMN_NAME"));
            equal("type name", "INTEGER", columns.getString("TYPE_NAME"));
            check("second column", columns.next());
        }
    }

    static void transactionsByTextAreTransactions(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("BEGIN");
            equal("deleted", 6, statement.executeUpdate("DELETE FROM numbers"));
            statement.execute("ROLLBACK");
        }
        equal("rows", 6L, number(connection, "SELECT count(*) FROM numbers"));
    }

    static void errorsSayWhatIsWrong(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.executeQuery("SELECT nothing FROM numbers");
            throw new AssertionError("no error");
        } catch (SQLException error) {
            check(error.getMessage(), error.getMessage().contains("[42703]"));
        }
        equal("goes on", 1L, number(connection, "SELECT 1"));
    }

    static long number(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getLong(1);
        }
    }

    static void equal(String what, Object expected, Object found) {
        check(what + ": expected " + expected + ", found " + found, java.util.Objects.equals(expected, found));
    }

    static void check(String what, boolean holds) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
