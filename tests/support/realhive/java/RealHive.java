import java.io.File;
import java.lang.reflect.Field;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.hadoop.hive.conf.HiveConf;
import org.apache.hadoop.hive.ql.metadata.Hive;
import org.apache.hive.service.cli.CLIService;
import org.apache.hive.service.cli.operation.HiveOperationManager;
import org.apache.hive.service.cli.operation.OperationManager;
import org.apache.hive.service.server.HiveServer2;

/**
 * Apache Hive 2.3 behind a HiveServer2, on one machine: metastore in memory, MapReduce in this process.
 *
 * <p>Reads the system properties {@code realhive.work} (folder), {@code realhive.port},
 * {@code realhive.auth} (NONE or NOSASL) and {@code hiveconf.NAME} (any setting of Hive). Ends when
 * its standard input is closed, so that it never outlives the tests.
 */
public class RealHive {
    public static void main(String[] args) throws Exception {
        HiveConf conf = new HiveConf(RealHive.class);
        settings(System.getProperty("realhive.work")).forEach(conf::set);
        System.getProperties().stringPropertyNames().stream()
                .filter(name -> name.startsWith("hiveconf."))
                .forEach(name -> conf.set(name.substring("hiveconf.".length()), System.getProperty(name)));
        conf.setClassLoader(Thread.currentThread().getContextClassLoader());

        Hive.get(conf); // registers the functions; without this a fault there hangs the first session
        HiveServer2 server = new HiveServer2();
        server.init(conf);
        putOperationManager(server, conf);
        server.start();

        while (System.in.read() >= 0) {
            // nothing is said here; the end of the stream is the word
        }
        System.exit(0);
    }

    private static Map<String, String> settings(String work) {
        new File(work, "tmp").mkdirs();
        Map<String, String> set = new LinkedHashMap<>();
        set.put("fs.defaultFS", "file:///");
        set.put("hadoop.tmp.dir", work + "/tmp");

        set.put("javax.jdo.option.ConnectionURL", "jdbc:derby:memory:metastore;create=true");
        set.put("javax.jdo.option.ConnectionDriverName", "org.apache.derby.jdbc.EmbeddedDriver");
        set.put("datanucleus.schema.autoCreateAll", "true");
        set.put("hive.metastore.schema.verification", "false");
        set.put("hive.metastore.warehouse.dir", work + "/warehouse");
        set.put("hive.exec.scratchdir", work + "/scratch");
        set.put("hive.exec.local.scratchdir", work + "/local-scratch");
        set.put("hive.downloaded.resources.dir", work + "/resources");
        set.put("hive.querylog.location", work + "/query-log");
        set.put("hive.server2.logging.operation.log.location", work + "/operation-log");
        set.put("hive.server2.logging.operation.enabled", "false");

        set.put("hive.execution.engine", "mr");
        set.put("mapreduce.framework.name", "local");
        set.put("hive.exec.mode.local.auto", "true");
        set.put("hive.exec.submit.local.task.via.child", "false");
        set.put("hive.exec.submitviachild", "false");
        set.put("hive.auto.convert.join", "false");
        set.put("hive.fetch.task.conversion", "more");
        set.put("hive.exec.counters.pull.interval", "50");
        set.put("mapreduce.client.progressmonitor.pollinterval", "50");
        set.put("mapreduce.client.completion.pollinterval", "50");

        set.put("hive.cbo.enable", "false"); // Calcite is not among the jars of pyspark
        set.put("hive.stats.autogather", "false");
        set.put("hive.support.concurrency", "false");
        set.put("hive.vectorized.execution.enabled", "false");
        set.put("hive.mapred.mode", "nonstrict");
        set.put("hive.strict.checks.cartesian.product", "false");
        set.put("hive.resultset.use.unique.column.names", "false");

        set.put("hive.server2.enable.doAs", "false");
        set.put("hive.server2.async.exec.threads", "4");
        set.put("hive.server2.transport.mode", "binary");
        set.put("hive.server2.thrift.bind.host", "127.0.0.1");
        set.put("hive.server2.thrift.port", System.getProperty("realhive.port"));
        set.put("hive.server2.authentication", System.getProperty("realhive.auth", "NONE"));
        set.put("hive.server2.webui.port", "-1");
        return set;
    }

    /** Gives the server the operations of Hive; those in Spark's fork of hive-service run nothing. */
    private static void putOperationManager(HiveServer2 server, HiveConf conf) throws Exception {
        Field service = HiveServer2.class.getDeclaredField("cliService");
        service.setAccessible(true);
        Object sessions = ((CLIService) service.get(server)).getSessionManager();
        OperationManager operations = new HiveOperationManager();
        operations.init(conf);
        Field manager = sessions.getClass().getDeclaredField("operationManager");
        manager.setAccessible(true);
        manager.set(sessions, operations);
    }
}
