import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;

/** Many rows of values in one call. */
public class Batches {
    public static void main(String[] arguments) throws Exception {
        Proof.run(Batches.class, arguments);
    }

    static void fill(PreparedStatement insert, int from, int to) throws SQLException {
        for (int i = from; i < to; i++) {
            insert.setInt(1, i);
            insert.setString(2, i % 5 == 0 ? null : "row " + i);
            insert.addBatch();
        }
    }

    static String state(Connection connection, String table) throws SQLException {
        String sql = "SELECT count(*) || ' ' || count(t) || ' ' || coalesce(sum(i), 0) || ' ' || count(DISTINCT i) FROM " + table;
        return (String) Proof.value(connection, sql);
    }

    @Proof.Check(value = {"prepared: update over many rows"}, because = "executeBatch has one count for all rows")
    static void aBatchOfRowsIsAppliedOnceAndCounted(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE batched (i INTEGER, t VARCHAR)");
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO batched VALUES (?, ?)")) {
            fill(insert, 0, 1000);
            Proof.equal("counts", new int[] {1000}, insert.executeBatch());
            Proof.equal("rows", "1000 800 499500 1000", state(connection, "batched"));
            fill(insert, 1000, 1003);
            Proof.equal("counts", new long[] {3}, insert.executeLargeBatch());
            Proof.equal("rows", "1003 802 502503 1003", state(connection, "batched"));
        }
        try (PreparedStatement update = connection.prepareStatement("UPDATE batched SET t = ? WHERE i < ?")) {
            for (int i = 1; i <= 3; i++) {
                update.setString(1, "changed");
                update.setInt(2, i * 10);
                update.addBatch();
            }
            Proof.equal("changed in all", 60, Arrays.stream(update.executeBatch()).sum());
        }
        try (PreparedStatement delete = connection.prepareStatement("DELETE FROM batched WHERE i = ?")) {
            for (int i = 0; i < 5; i++) {
                delete.setInt(1, i * 1000);
                delete.addBatch();
            }
            Proof.equal("those that were there", 2, Arrays.stream(delete.executeBatch()).sum());
        }
    }

    @Proof.Check
    static void aLargeBatchIsTaken(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE many_batched (i INTEGER, t VARCHAR)");
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO many_batched VALUES (?, ?)")) {
            fill(insert, 0, 10_000);
            Proof.equal("count", 10_000, Arrays.stream(insert.executeBatch()).sum());
        }
        Proof.equal("rows", "10000 8000 49995000 10000", state(connection, "many_batched"));
    }

    @Proof.Check
    static void aBatchIsAppliedAsAWholeOrNotAtAll(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE whole (i INTEGER PRIMARY KEY, t VARCHAR)");
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO whole VALUES (?, ?)")) {
            fill(insert, 0, 10);
            fill(insert, 5, 6);
            Proof.refused("[23505]", insert::executeBatch);
        }
        Proof.equal("rows", "0 0 0 0", state(connection, "whole"));
    }

    @Proof.Check
    static void aBatchIsPartOfItsTransaction(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE undone (i INTEGER, t VARCHAR)", "BEGIN");
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO undone VALUES (?, ?)")) {
            fill(insert, 0, 10);
            Proof.equal("count", 10, Arrays.stream(insert.executeBatch()).sum());
        }
        Proof.equal("rows", "10 8 45 10", state(connection, "undone"));
        Proof.execute(connection, "ROLLBACK");
        Proof.equal("rows", "0 0 0 0", state(connection, "undone"));
    }

    @Proof.Check(lacks = {"prepared: no row of parameters"}, because = "the driver does not send a batch without rows")
    static void anEmptyBatchChangesNothing(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE untouched (i INTEGER, t VARCHAR)");
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO untouched VALUES (?, ?)")) {
            fill(insert, 0, 3);
            insert.clearBatch();
            try {
                insert.executeBatch();
            } catch (SQLException | RuntimeException error) {
                Proof.check("of the driver: " + error, !String.valueOf(error.getMessage()).contains("[XX000]"));
            }
        }
        Proof.equal("rows", "0 0 0 0", state(connection, "untouched"));
    }

    /** A batch of texts ends in the driver, before anything is sent. */
    @Proof.Check
    static void aBatchOfTextsIsNotOffered(Connection connection) throws Exception {
        Proof.execute(connection, "CREATE OR REPLACE TABLE texts (i INTEGER)");
        try (Statement statement = connection.createStatement()) {
            statement.addBatch("INSERT INTO texts VALUES (1)");
            statement.addBatch("INSERT INTO texts VALUES (2)");
            Proof.refused("null", statement::executeBatch);
        }
        Proof.equal("nothing was sent", 0L, Proof.value(connection, "SELECT count(*) FROM texts"));
    }
}
