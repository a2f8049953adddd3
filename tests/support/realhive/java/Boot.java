import java.io.File;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Runs a main class inside a URLClassLoader over the jars of pyspark.
 *
 * <p>Hive 2.3 casts its class loader to URLClassLoader, which the application loader of Java 9 and
 * later is not. Usage: {@code java -cp BOOT Boot CLASSES_FOLDER JARS_FOLDER MAIN_CLASS}.
 */
public class Boot {
    /** Jars of Spark itself and of its other front ends; Hive needs none of them. */
    private static final String NOT_FOR_HIVE =
            "(spark-(mllib|graphx|connect|kubernetes|yarn|streaming|sql_|catalyst|repl|pipelines)"
                    + "|scala-compiler|breeze|netty|kubernetes|vertx|rocksdbjni|spire|algebra|cats).*";

    public static void main(String[] args) throws Exception {
        List<URL> path = new ArrayList<>();
        path.add(new File(args[0]).toURI().toURL());
        File[] jars = new File(args[1])
                .listFiles((folder, name) -> name.endsWith(".jar") && !name.matches(NOT_FOR_HIVE));
        Arrays.sort(jars);
        for (File jar : jars) {
            path.add(jar.toURI().toURL());
        }
        URLClassLoader loader =
                new URLClassLoader(path.toArray(new URL[0]), ClassLoader.getPlatformClassLoader());
        Thread.currentThread().setContextClassLoader(loader);
        loader.loadClass(args[2]).getMethod("main", String[].class).invoke(null, (Object) new String[0]);
    }
}
