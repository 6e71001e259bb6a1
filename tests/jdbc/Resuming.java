import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/**
 * A client that runs the statement of each line it reads, and connects again with the token in its URL when that fails. It prints
 * the only value of the result, and how often it failed before.
 */
public class Resuming {
    /** How long it goes on trying, in seconds: reached only when the session is lost. */
    static final long PATIENCE = 60;

    static Connection connection;

    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String sql = lines.readLine(); sql != null; sql = lines.readLine()) {
            System.out.println(answer(arguments[0], sql));
            System.out.flush();
        }
        // Connections that were given up have threads.
        System.exit(0);
    }

    static String answer(String url, String sql) throws Exception {
        long end = System.nanoTime() + PATIENCE * 1_000_000_000L;
        for (int failed = 0;; failed++) {
            try {
                if (connection == null) {
                    connection = DriverManager.getConnection(url);
                }
                try (Statement statement = connection.createStatement()) {
                    if (!statement.execute(sql)) {
                        return failed + "\tdone";
                    }
                    try (ResultSet rows = statement.getResultSet()) {
                        rows.next();
                        return failed + "\t" + rows.getString(1);
                    }
                }
            } catch (SQLException | RuntimeException error) {
                if (String.valueOf(error.getMessage()).contains("UNAUTHENTICATED") || System.nanoTime() > end) {
                    return failed + "\tlost: " + error.getMessage();
                }
                // Not closed: that would end the session, which another connection goes on with.
                connection = null;
                Thread.sleep(20);
            }
        }
    }
}
