import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;

/** Transactions by SQL text, which are those the driver has: its commit and rollback reach nobody. */
public class Transactions {
    static String url;

    public static void main(String[] arguments) throws Exception {
        url = arguments[0];
        Proof.run(Transactions.class, arguments);
    }

    static long count(Connection connection, String table) throws SQLException {
        return (Long) Proof.value(connection, "SELECT count(*) FROM " + table);
    }

    @Proof.Check({"transaction: by SQL text", "transaction: not seen by others before its commit"})
    static void commitKeepsAndRollbackDrops(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE settled (i INTEGER)", "BEGIN", "INSERT INTO settled VALUES (1)");
        try (Connection witness = DriverManager.getConnection(url)) {
            Proof.equal("own", 1L, count(connection, "settled"));
            Proof.equal("not committed", 0L, count(witness, "settled"));
            Proof.execute(connection, "COMMIT");
            Proof.equal("committed", 1L, count(witness, "settled"));
            Proof.execute(connection, "START TRANSACTION", "DELETE FROM settled", "CREATE TABLE never (i INTEGER)");
            Proof.equal("own", 0L, count(connection, "settled"));
            Proof.equal("still there", 1L, count(witness, "settled"));
            Proof.execute(connection, "ROLLBACK");
        }
        Proof.equal("back", 1L, count(connection, "settled"));
        Proof.refused("[42P01]", () -> count(connection, "never"));
    }

    @Proof.Check({"transaction: aborted by an error until rolled back"})
    static void anAbortedTransactionSaysSoUntilItIsRolledBack(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE keyed (i INTEGER PRIMARY KEY)", "INSERT INTO keyed VALUES (1)");
        Proof.execute(connection, "BEGIN", "INSERT INTO keyed VALUES (2)");
        Proof.refused("[23505]", () -> Proof.execute(connection, "INSERT INTO keyed VALUES (1)"));
        for (int i = 0; i < 3; i++) {
            Proof.refused("[25P02]", () -> Proof.execute(connection, "INSERT INTO keyed VALUES (3)"));
            Proof.refused("[25P02]", () -> count(connection, "keyed"));
        }
        Proof.execute(connection, "ROLLBACK");
        Proof.equal("before it", 1L, count(connection, "keyed"));
        Proof.execute(connection, "BEGIN", "INSERT INTO keyed VALUES (2)", "COMMIT");
        Proof.equal("after it", 2L, count(connection, "keyed"));
    }

    /** As in DuckDB, the commit of an aborted transaction ends it, and keeps nothing of it. */
    @Proof.Check
    static void anAbortedTransactionIsNotCommitted(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE aborted (i INTEGER PRIMARY KEY)", "BEGIN", "INSERT INTO aborted VALUES (1)");
        Proof.refused("[23505]", () -> Proof.execute(connection, "INSERT INTO aborted VALUES (1)"));
        Proof.refused("[25P02]", () -> Proof.execute(connection, "COMMIT"));
        Proof.equal("none", 0L, count(connection, "aborted"));
        Proof.refused("[25000]", () -> Proof.execute(connection, "ROLLBACK"));
    }

    @Proof.Check
    static void anEndWithoutABeginIsRefused(Connection connection) throws Exception {
        Proof.refused("[25000]", () -> Proof.execute(connection, "COMMIT"));
        Proof.refused("[25000]", () -> Proof.execute(connection, "ROLLBACK"));
        Proof.execute(connection, "BEGIN");
        Proof.refused("[25001]", () -> Proof.execute(connection, "BEGIN"));
        Proof.refused("[25P02]", () -> Proof.value(connection, "SELECT 1"));
        Proof.execute(connection, "ROLLBACK");
        Proof.equal("goes on", 1, Proof.value(connection, "SELECT 1"));
    }

    @Proof.Check
    static void theLaterOfTwoWritersIsTold(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE contended AS SELECT 1 AS i", "BEGIN", "UPDATE contended SET i = 2");
        try (Connection other = DriverManager.getConnection(url)) {
            Proof.execute(other, "BEGIN");
            Proof.refused("[40001]", () -> Proof.execute(other, "UPDATE contended SET i = 3"));
            Proof.execute(other, "ROLLBACK");
        }
        Proof.execute(connection, "COMMIT");
        Proof.equal("the first", 2, Proof.value(connection, "SELECT i FROM contended"));
    }

    @Proof.Check({"transaction: isolation level"})
    static void theIsolationIsThatOfTheServer(Connection connection) throws Exception {
        // The driver hands on the number that Flight SQL has for REPEATABLE READ, which is not JDBC's.
        Proof.equal("default", 3, connection.getMetaData().getDefaultTransactionIsolation());
        Proof.check("supported",
            connection.getMetaData().supportsTransactionIsolationLevel(Connection.TRANSACTION_REPEATABLE_READ));
        Proof.check("not supported",
            !connection.getMetaData().supportsTransactionIsolationLevel(Connection.TRANSACTION_READ_UNCOMMITTED));
        Proof.check("transactions", connection.getMetaData().supportsTransactions());
        // That of the connection is kept by the driver, which begins with none and sends none.
        Proof.equal("of the connection", Connection.TRANSACTION_NONE, connection.getTransactionIsolation());
        connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        Proof.equal("as it is told", Connection.TRANSACTION_REPEATABLE_READ, connection.getTransactionIsolation());
    }

    @Proof.Check
    static void aTransactionReadsWhatWasThereWhenItBegan(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE snapshot AS SELECT 1 AS i", "BEGIN");
        Proof.equal("before", 1L, count(connection, "snapshot"));
        try (Connection other = DriverManager.getConnection(url)) {
            Proof.execute(other, "INSERT INTO snapshot VALUES (2)");
        }
        Proof.equal("during", 1L, count(connection, "snapshot"));
        Proof.execute(connection, "COMMIT");
        Proof.equal("after", 2L, count(connection, "snapshot"));
    }

    /** The driver keeps autocommit, commit and rollback to itself; each statement stays a transaction of its own. */
    @Proof.Check(value = {"transaction: autocommit"}, lacks = {"transaction: commit", "transaction: rollback"},
        because = "the driver's commit and rollback are empty; SQL's BEGIN, COMMIT and ROLLBACK work")
    static void commitAndRollbackOfTheDriverReachNobody(Connection connection) throws Exception {
        Proof.check("at first", connection.getAutoCommit());
        Proof.execute(connection, "CREATE OR REPLACE TABLE automatic (i INTEGER)");
        connection.setAutoCommit(false);
        Proof.check("as it is told", !connection.getAutoCommit());
        Proof.execute(connection, "INSERT INTO automatic VALUES (1)");
        try (Connection witness = DriverManager.getConnection(url)) {
            Proof.equal("committed", 1L, count(witness, "automatic"));
        }
        connection.rollback();
        Proof.equal("not rolled back", 1L, count(connection, "automatic"));
        connection.commit();
        connection.setAutoCommit(true);
        Proof.equal("rows", 1L, count(connection, "automatic"));
    }

    @Proof.Check
    static void aTransactionEndsWithItsSession(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE left_open (i INTEGER)");
        try (Connection other = DriverManager.getConnection(url + "&catalog=" + Proof.value(connection, "SELECT current_database()"))) {
            Proof.execute(other, "BEGIN", "INSERT INTO left_open VALUES (1)");
        } catch (SQLException error) {
            // The driver closes a connection with a catalog twice, and complains that it is closed already.
            Proof.check("" + error, error.getMessage().contains("Channel shutdown invoked"));
        }
        Proof.equal("rows", 0L, count(connection, "left_open"));
        Proof.execute(connection, "DROP TABLE left_open");
    }
}
