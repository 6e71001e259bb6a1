import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** What a tool reads to draw a database: its tables, keys and types, and all that the driver tells of the server. */
public class Metadata {
    public static void main(String[] arguments) throws Exception {
        try (Connection connection = DriverManager.getConnection(arguments[0])) {
            try (Statement statement = connection.createStatement()) {
                statement.execute("CREATE SCHEMA s");
                statement.execute("CREATE TABLE s.airports (country VARCHAR, code VARCHAR, PRIMARY KEY (country, code))");
                statement.execute("CREATE TABLE s.flights (id INTEGER PRIMARY KEY, origin VARCHAR, country VARCHAR,"
                    + " FOREIGN KEY (country, origin) REFERENCES s.airports (country, code))");
            }
            DatabaseMetaData metadata = connection.getMetaData();
            keysAreListed(metadata);
            placesAreListed(metadata);
            everythingIsAnswered(metadata);
            aQueryThatTakesTooLongIsEnded(connection);
            aQueryIsCancelled(connection);
        }
        System.out.println("passed");
    }

    static void keysAreListed(DatabaseMetaData metadata) throws SQLException {
        equal("primary key", List.of("country", "code"), column(metadata.getPrimaryKeys(null, "s", "airports"), "COLUMN_NAME"));
        equal("sequence", List.of("1", "2"), column(metadata.getPrimaryKeys(null, "s", "airports"), "KEY_SEQ"));
        equal("imported", List.of("country", "origin"), column(metadata.getImportedKeys(null, "s", "flights"), "FKCOLUMN_NAME"));
        equal("exported", List.of("country", "code"), column(metadata.getExportedKeys(null, "s", "airports"), "PKCOLUMN_NAME"));
        equal("crossed", List.of("flights", "flights"),
            column(metadata.getCrossReference(null, "s", "airports", null, "s", "flights"), "FKTABLE_NAME"));
        equal("none", List.of(), column(metadata.getImportedKeys(null, "s", "airports"), "FKCOLUMN_NAME"));
    }

    static void placesAreListed(DatabaseMetaData metadata) throws SQLException {
        // The driver answers this by itself, with nothing.
        metadata.getTypeInfo().close();
        equal("catalogs", true, column(metadata.getCatalogs(), "TABLE_CAT").size() > 0);
        check("schemas", column(metadata.getSchemas(), "TABLE_SCHEM").contains("s"));
        check("table types", column(metadata.getTableTypes(), "TABLE_TYPE").contains("BASE TABLE"));
        equal("tables", List.of("airports", "flights"), column(metadata.getTables(null, "s", "%", null), "TABLE_NAME"));
    }

    /** Every question without a parameter has an answer. */
    static void everythingIsAnswered(DatabaseMetaData metadata) throws Exception {
        List<String> failed = new ArrayList<>();
        int asked = 0;
        for (Method method : DatabaseMetaData.class.getMethods()) {
            if (method.getParameterCount() > 0 || method.getDeclaringClass() != DatabaseMetaData.class) {
                continue;
            }
            asked++;
            try {
                Object answer = method.invoke(metadata);
                if (answer instanceof ResultSet) {
                    ((ResultSet) answer).close();
                }
            } catch (InvocationTargetException error) {
                failed.add(method.getName() + ": " + error.getCause());
            }
        }
        check("questions: " + asked, asked > 100);
        equal("unanswered", List.of(), failed);
    }

    static final String ENDLESS = "SELECT count(*) FROM range(100000000000) a(i), range(100) b(i) WHERE (a.i + b.i) % 7 = 9";

    static void aQueryThatTakesTooLongIsEnded(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            try (ResultSet rows = statement.executeQuery(ENDLESS)) {
                rows.next();
                throw new AssertionError("it ended by itself");
            } catch (SQLException error) {
                check("it says something", error.getMessage() != null);
            }
        }
        equal("goes on", List.of("1"), column(connection.createStatement().executeQuery("SELECT 1 AS one"), "one"));
    }

    static void aQueryIsCancelled(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            Thread other = new Thread(() -> {
                try {
                    Thread.sleep(500);
                    statement.cancel();
                } catch (Exception error) {
                    throw new AssertionError(error);
                }
            });
            other.start();
            try (ResultSet rows = statement.executeQuery(ENDLESS)) {
                rows.next();
                throw new AssertionError("it ended by itself");
            } catch (SQLException error) {
                check("it says something", error.getMessage() != null);
            }
            other.join();
        }
        equal("goes on", List.of("1"), column(connection.createStatement().executeQuery("SELECT 1 AS one"), "one"));
    }

    static List<String> column(ResultSet rows, String name) throws SQLException {
        List<String> values = new ArrayList<>();
        try (rows) {
            while (rows.next()) {
                values.add(rows.getString(name));
            }
        }
        return values;
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
