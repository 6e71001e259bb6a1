import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.logging.LogManager;

/**
 * Runs the checks of a program, each with a connection of its own, and reports on standard output what they have shown
 * of the driver, in the lines that tests/python/drivers.py takes.
 */
public final class Proof {
    /** A check: a static method that takes a {@link Connection}, and fails by throwing. */
    @Retention(RetentionPolicy.RUNTIME)
    @Target(ElementType.METHOD)
    public @interface Check {
        /** The capabilities it proves, by their names in tests/python/drivers.py. */
        String[] value() default {};

        /** Those that it proves the driver does not offer. */
        String[] lacks() default {};

        /** Why the driver does not offer them; or, where it lacks none, what is to be known of those it proves. */
        String because() default "";

        /** Whether the driver keeps memory that it complains of when the connection is closed: of values that it refused. */
        boolean leaks() default false;
    }

    /** What may fail. */
    public interface Action {
        void run() throws Exception;
    }

    private Proof() {}

    /**
     * Runs the checks of a program. The arguments are the JDBC URL and, optionally, names of checks: these alone are
     * run, or, where a minus precedes the names, all but these.
     */
    public static void run(Class<?> program, String[] arguments) throws Exception {
        // The driver's own log says at each start how it allocates memory.
        LogManager.getLogManager().reset();
        List<String> names = Arrays.asList(arguments).subList(1, arguments.length);
        List<Method> checks = new ArrayList<>();
        for (Method method : program.getDeclaredMethods()) {
            if (method.isAnnotationPresent(Check.class)) {
                checks.add(method);
            }
        }
        checks.sort(Comparator.comparing(Method::getName));
        for (String name : names) {
            check("there is no check " + name, checks.stream().anyMatch(method -> name.endsWith(method.getName())));
        }
        boolean only = names.stream().anyMatch(name -> !name.startsWith("-"));
        checks.removeIf(method -> only ? !names.contains(method.getName()) : names.contains("-" + method.getName()));
        check("there are checks to run", !checks.isEmpty());
        int failed = 0;
        for (Method method : checks) {
            Check check = method.getAnnotation(Check.class);
            Throwable error = failure(arguments[0], method);
            if (error == null) {
                boolean hasNote = check.lacks().length == 0 && !check.because().isEmpty();
                for (String capability : check.value()) {
                    System.out.println("capability\t" + capability + "\tpass" + (hasNote ? "\t" + check.because() : ""));
                }
                for (String capability : check.lacks()) {
                    System.out.println("capability\t" + capability + "\tnot offered\t" + check.because());
                }
                continue;
            }
            failed++;
            String reason = error.toString().replaceAll("\\s+", " ");
            for (String capability : check.value()) {
                System.out.println("capability\t" + capability + "\tfail\t" + reason);
            }
            System.err.println("FAILED: " + method.getName());
            error.printStackTrace();
        }
        System.out.println("checks\t" + checks.size() + "\tfailed\t" + failed);
        System.exit(failed == 0 ? 0 : 1);
    }

    private static Throwable failure(String url, Method method) {
        method.setAccessible(true);
        Throwable failure = null;
        try (Connection connection = DriverManager.getConnection(url)) {
            System.out.println("version\t" + connection.getMetaData().getDriverVersion());
            try {
                method.invoke(null, connection);
            } catch (InvocationTargetException error) {
                failure = error.getCause();
            }
        } catch (Exception error) {
            boolean isLeak = String.valueOf(error.getMessage()).startsWith("Memory was leaked");
            if (failure == null && !(isLeak && method.getAnnotation(Check.class).leaks())) {
                failure = error;
            }
        }
        return failure;
    }

    /** Fails unless the two are equal; arrays by their items. */
    public static void equal(String what, Object expected, Object found) {
        check(what + ": expected " + text(expected) + ", found " + text(found), Objects.deepEquals(expected, found));
    }

    private static String text(Object value) {
        String type = value == null ? "" : " (" + value.getClass().getSimpleName() + ")";
        String text = Arrays.deepToString(new Object[] {value});
        return text.substring(1, text.length() - 1) + type;
    }

    /** Fails unless it holds. */
    public static void check(String what, boolean holds) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    /** Fails unless the action throws an exception, one of whose messages holds the text; returns the exception. */
    public static Exception refused(String text, Action action) throws Exception {
        try {
            action.run();
        } catch (Exception error) {
            for (Throwable cause = error; cause != null; cause = cause.getCause()) {
                if (String.valueOf(cause.getMessage()).contains(text)) {
                    return error;
                }
            }
            throw new AssertionError("expected an exception with the text " + text, error);
        }
        throw new AssertionError("expected an exception with the text " + text + ", and there was none");
    }

    /** Runs statements one by one. */
    public static void execute(Connection connection, String... statements) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    /** The only value of a query, as the driver gives it. */
    public static Object value(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            check("a row of " + sql, rows.next());
            Object value = rows.getObject(1);
            check("one row of " + sql, !rows.next());
            return value;
        }
    }

    /** The texts of a column, by name, of all rows; the result is closed. */
    public static List<String> column(ResultSet rows, String name) throws SQLException {
        List<String> values = new ArrayList<>();
        try (rows) {
            while (rows.next()) {
                values.add(rows.getString(name));
            }
        }
        return values;
    }
}
