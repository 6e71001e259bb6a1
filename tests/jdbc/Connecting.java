import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;

/**
 * Connections by password and by token, their catalogs, and what two of them share. The system property `url` is the JDBC
 * URL without credentials; `user`, `password` and `token` are those of the user, the token that of a session of theirs.
 */
public class Connecting {
    static final String URL = System.getProperty("url");
    static final String TOKEN = System.getProperty("token");

    public static void main(String[] arguments) throws Exception {
        Proof.run(Connecting.class, arguments);
    }

    static Connection connect(String... pairs) throws SQLException {
        Properties properties = new Properties();
        for (int i = 0; i < pairs.length; i += 2) {
            properties.setProperty(pairs[i], pairs[i + 1]);
        }
        return DriverManager.getConnection(URL, properties);
    }

    static Connection byPassword(String... pairs) throws SQLException {
        String[] all = new String[pairs.length + 4];
        System.arraycopy(pairs, 0, all, 0, pairs.length);
        all[pairs.length] = "user";
        all[pairs.length + 1] = System.getProperty("user");
        all[pairs.length + 2] = "password";
        all[pairs.length + 3] = System.getProperty("password");
        return connect(all);
    }

    @Proof.Check({"connect: user and password"})
    static void byUserAndPassword(Connection ignored) throws Exception {
        try (Connection connection = byPassword()) {
            Proof.equal("answer", 42, Proof.value(connection, "SELECT 42"));
            Proof.check("open", !connection.isClosed() && connection.isValid(10));
            connection.close();
            Proof.check("closed", connection.isClosed());
        }
    }

    @Proof.Check({"connect: wrong password refused"})
    static void aWrongPasswordIsRefused(Connection ignored) throws Exception {
        String user = System.getProperty("user");
        String text = refusal(() -> connect("user", user, "password", "wrong").close());
        Proof.check(text, text.contains("[28P01]") && !text.contains("wrong\""));
        Proof.equal("an unknown user is told no more", text,
            refusal(() -> connect("user", "nobody", "password", "wrong").close()));
        String missing = refusal(() -> Proof.value(connect(), "SELECT 1"));
        Proof.check(missing, missing.contains("[28000]"));
    }

    @Proof.Check({"connect: session token"})
    static void byTheTokenOfASession(Connection ignored) throws Exception {
        // The client that got the token has set the variable.
        try (Connection connection = connect("token", TOKEN)) {
            Proof.equal("variable", "of the token", Proof.value(connection, "SELECT getvariable('mark')"));
            Proof.execute(connection, "SET VARIABLE mark = 'of the driver'");
        }
        try (Connection connection = connect("token", TOKEN)) {
            Proof.equal("variable", "of the driver", Proof.value(connection, "SELECT getvariable('mark')"));
            Proof.execute(connection, "SET VARIABLE mark = 'of the token'");
        }
    }

    @Proof.Check
    static void aTokenOfNoSessionIsRefused(Connection ignored) throws Exception {
        String unknown = refusal(() -> connect("token", "pt1.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").close());
        Proof.check(unknown, unknown.contains("[28000]"));
        String malformed = refusal(() -> connect("token", "duck").close());
        Proof.check(malformed, malformed.contains("[28000]") && !malformed.contains("duck"));
    }

    static String refusal(Proof.Action action) throws Exception {
        StringBuilder texts = new StringBuilder();
        for (Throwable cause = Proof.refused("", action); cause != null; cause = cause.getCause()) {
            texts.append(cause.getMessage()).append('\n');
        }
        return texts.toString();
    }

    @Proof.Check({"connect: two connections are two sessions"})
    static void twoConnectionsAreTwoSessions(Connection ignored) throws Exception {
        try (Connection one = byPassword(); Connection other = byPassword()) {
            Proof.execute(one, "SET VARIABLE mine = 1", "CREATE TEMPORARY TABLE own (i INTEGER)", "SET integer_division = true");
            Proof.equal("mine", 1, Proof.value(one, "SELECT getvariable('mine')"));
            Proof.equal("theirs", null, Proof.value(other, "SELECT getvariable('mine')"));
            Proof.equal("divided", 3, ((Number) Proof.value(one, "SELECT 7 / 2")).intValue());
            Proof.equal("divided", 3.5, Proof.value(other, "SELECT 7 / 2"));
            Proof.refused("[42P01]", () -> Proof.value(other, "SELECT count(*) FROM own"));
        }
    }

    @Proof.Check({"session option: current catalog"})
    static void theCatalogOfTheUrlIsTheCurrentOne(Connection ignored) throws Exception {
        String missing = refusal(() -> byPassword("catalog", "nowhere").close());
        Proof.check(missing, missing.contains("[3D000]"));
        Connection connection = byPassword("catalog", "temp");
        Proof.equal("catalog", "temp", Proof.value(connection, "SELECT current_database()"));
        close(connection);
    }

    @Proof.Check({"connect: session ends with its connection"})
    static void aSessionOfACatalogEndsWithItsConnection(Connection ignored) throws Exception {
        // The driver closes a session only where it has set a catalog.
        Connection connection = connect("token", System.getProperty("spare"), "catalog", "temp");
        Proof.equal("answer", 42, Proof.value(connection, "SELECT 42"));
        close(connection);
        String ended = refusal(() -> connect("token", System.getProperty("spare")).close());
        Proof.check(ended, ended.contains("[28000]"));
    }

    /** The driver closes a connection with a catalog twice, and complains that it is closed already. */
    static void close(Connection connection) throws Exception {
        Proof.refused("Channel shutdown invoked", connection::close);
    }

    /** What the driver keeps to itself: neither of them reaches the server. */
    @Proof.Check(lacks = {"session option: current schema", "session option: set", "session option: get",
        "session option: unset", "session option: unknown refused"},
        because = "the driver sets the catalog of its URL and no other option; SQL's USE and SET do")
    static void theCatalogOfAConnectionIsKeptByTheDriver(Connection connection) throws Exception {
        Proof.equal("catalog", null, connection.getCatalog());
        connection.setCatalog("temp");
        Proof.equal("catalog as it is told", "temp", connection.getCatalog());
        Proof.check("catalog as it is", !"temp".equals(Proof.value(connection, "SELECT current_database()")));
        Proof.equal("schema", null, connection.getSchema());
        connection.setSchema("nowhere");
        Proof.equal("schema as it is told", "nowhere", connection.getSchema());
        Proof.equal("schema as it is", "main", Proof.value(connection, "SELECT current_schema()"));
    }

    @Proof.Check
    static void theSchemaIsSetBySql(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE SCHEMA IF NOT EXISTS chosen", "USE chosen", "CREATE OR REPLACE TABLE here AS SELECT 7 AS i");
        Proof.equal("schema", "chosen", Proof.value(connection, "SELECT current_schema()"));
        Proof.equal("row", 7, Proof.value(connection, "SELECT i FROM here"));
    }

    @Proof.Check({"connect: goes on after an error"})
    static void aConnectionGoesOnAfterAnError(Connection connection) throws Exception {
        for (int i = 0; i < 20; i++) {
            Proof.refused("[42P01]", () -> Proof.value(connection, "SELECT * FROM nothing"));
            Proof.refused("[22P02]", () -> Proof.value(connection, "SELECT 'x'::INTEGER FROM range(10)"));
            Proof.equal("answer", 42, Proof.value(connection, "SELECT 42"));
        }
    }

    @Proof.Check({"error: SQLSTATE", "error: message with its advice"})
    static void errorsHaveTheSqlstateInTheirMessage(Connection connection) throws Exception {
        String[][] wrong = {
            {"SELECT * FROM flihts", "[42P01]", "flights"}, {"SELECT carier FROM flights", "[42703]", "carrier"},
            {"SELEC 1", "[42601]", "SELEC"}, {"SELECT error('of mine')", "[", "of mine"},
        };
        for (String[] sample : wrong) {
            String text = refusal(() -> Proof.value(connection, sample[0]));
            Proof.check(text, text.contains(sample[1]) && text.contains(sample[2]));
        }
    }

    @Proof.Check(lacks = {"error: details", "error: status"}, because = "the driver hands on the message alone")
    static void anErrorIsNoMoreThanItsMessage(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SELEC 1")) {
            throw new AssertionError("no error");
        } catch (SQLException error) {
            Proof.check("" + error.getSQLState(), error.getSQLState() == null || error.getSQLState().equals("00000"));
        }
    }
}
