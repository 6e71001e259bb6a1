import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;

/**
 * Queries that would not end are ended: by a timeout, by another thread, and by nobody reading them any more. The system
 * property `url` is the JDBC URL without credentials, `limited` the token of a session with a statement timeout.
 */
public class Cancelling {
    static String url;

    public static void main(String[] arguments) throws Exception {
        url = arguments[0];
        Proof.run(Cancelling.class, arguments);
    }

    /** A query without an end that moves a sequence when it begins. */
    static String endless(String sequence) {
        return "SELECT count(*) FROM (SELECT nextval('" + sequence + "') AS n) s, range(100000000000) a(i), range(100) b(i)"
            + " WHERE (a.i + b.i + s.n) % 7 = 9";
    }

    static void goesOn(Connection connection) throws SQLException {
        Proof.equal("goes on", 1, Proof.value(connection, "SELECT 1 AS one"));
    }

    @Proof.Check({"timeout: of the statement", "timeout: of the fetch"})
    static void aQueryThatTakesTooLongIsEnded(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE SEQUENCE timed");
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            Proof.equal("timeout", 1, statement.getQueryTimeout());
            Proof.refused("timed out after 1 SECONDS", () -> statement.executeQuery(endless("timed")));
        }
        goesOn(connection);
    }

    @Proof.Check(lacks = {"timeout: of an update"}, because = "the driver waits for an update as long as it takes")
    static void aTimeoutDoesNotHinderWhatIsInTime(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(100);
            Proof.equal("definition", 0, statement.executeUpdate("CREATE OR REPLACE TABLE in_time (i INTEGER)"));
            Proof.check("rows", statement.executeQuery("SELECT 1").next());
        }
    }

    @Proof.Check({"cancel: from another thread"})
    static void aQueryIsCancelledByAnotherThread(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE SEQUENCE cancelled");
        try (Statement statement = connection.createStatement(); Connection witness = DriverManager.getConnection(url)) {
            Throwable[] failure = {null};
            Thread other = new Thread(() -> {
                try {
                    // It has begun when its sequence has moved.
                    String moved = "SELECT coalesce(last_value, 0) > 0 FROM duckdb_sequences() WHERE sequence_name = 'cancelled'";
                    while (!(Boolean) Proof.value(witness, moved)) {
                        Thread.sleep(10);
                    }
                    statement.cancel();
                } catch (Throwable error) {
                    failure[0] = error;
                }
            });
            other.start();
            Proof.refused("", () -> statement.executeQuery(endless("cancelled")).next());
            other.join();
            Proof.equal("of the other thread", null, failure[0]);
        }
        goesOn(connection);
    }

    @Proof.Check({"cancel: by closing an unread result", "statement: result left unread"})
    static void anUnreadResultIsLeft(Connection connection) throws Exception {
        for (int i = 0; i < 10; i++) {
            try (Statement statement = connection.createStatement();
                    ResultSet rows = statement.executeQuery("SELECT * FROM range(100000000000) t(i)")) {
                Proof.check("a row", rows.next());
            }
        }
        goesOn(connection);
    }

    @Proof.Check
    static void aStatementIsCancelledBetweenItsRows(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT * FROM range(100000000000) t(i)")) {
            Proof.check("a row", rows.next());
            Thread other = new Thread(() -> {
                try {
                    statement.cancel();
                } catch (SQLException error) {
                    throw new AssertionError(error);
                }
            });
            other.start();
            other.join();
            Proof.refused("", () -> {
                while (rows.next()) {
                    // What is on its way may still come.
                }
            });
        }
        goesOn(connection);
    }

    @Proof.Check({"timeout: of the session"})
    static void aTimeoutOfTheSessionEndsAStatement(Connection connection) throws Exception {
        // The client that got the token has set the option, for which the driver has no call.
        Properties token = new Properties();
        token.setProperty("token", System.getProperty("limited"));
        try (Connection limited = DriverManager.getConnection(System.getProperty("url"), token)) {
            Proof.refused("[57014]", () -> Proof.value(limited,
                "SELECT count(*) FROM range(100000000000) a(i), range(100) b(i) WHERE (a.i + b.i) % 7 = 9"));
        }
    }
}
