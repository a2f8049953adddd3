package org.apache.hive.service.cli.operation;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.hive.conf.HiveConf;
import org.apache.hadoop.hive.metastore.api.Schema;
import org.apache.hadoop.hive.ql.Driver;
import org.apache.hadoop.hive.ql.exec.ExplainTask;
import org.apache.hadoop.hive.ql.metadata.Hive;
import org.apache.hadoop.hive.ql.processors.CommandProcessor;
import org.apache.hadoop.hive.ql.processors.CommandProcessorFactory;
import org.apache.hadoop.hive.ql.processors.CommandProcessorResponse;
import org.apache.hadoop.hive.ql.session.SessionState;
import org.apache.hive.service.cli.FetchOrientation;
import org.apache.hive.service.cli.HiveSQLException;
import org.apache.hive.service.cli.OperationState;
import org.apache.hive.service.cli.RowSet;
import org.apache.hive.service.cli.RowSetFactory;
import org.apache.hive.service.cli.TableSchema;
import org.apache.hive.service.cli.session.HiveSession;
import org.apache.hive.service.rpc.thrift.TRowSet;
import org.apache.hive.service.rpc.thrift.TTableSchema;

/**
 * Runs a statement with the Driver of Hive, as Hive's own SQLOperation and HiveCommandOperation do.
 *
 * <p>Spark's fork of hive-service, the one among the jars of pyspark, left those two out.
 */
public class HiveSqlOperation extends ExecuteStatementOperation {
    /** Where a session keeps its scratch folders; an operation's own configuration needs them too. */
    private static final String[] SESSION_PATHS = {
        "_hive.hdfs.session.path", "_hive.local.session.path", "_hive.tmp_table_space"
    };

    private static final ScheduledExecutorService TIMER = Executors.newScheduledThreadPool(1, task -> {
        Thread thread = new Thread(task, "statement-timeout");
        thread.setDaemon(true);
        return thread;
    });

    private final long timeoutSeconds;
    private Driver driver;
    private TableSchema schema;
    private List<Object> commandRows;
    private long rowsGiven;
    private volatile ScheduledFuture<?> alarm;

    HiveSqlOperation(
            HiveSession session, String statement, Map<String, String> overlay, boolean async, long timeout) {
        super(session, statement, overlay, async);
        this.timeoutSeconds = timeout;
    }

    @Override
    protected void runInternal() throws HiveSQLException {
        setState(OperationState.PENDING);
        if (timeoutSeconds > 0) {
            alarm = TIMER.schedule(this::timeOut, timeoutSeconds, TimeUnit.SECONDS);
        }
        try {
            openSession();
            String text = statement.trim();
            String[] words = text.split("\\s+");
            CommandProcessor command =
                    CommandProcessorFactory.getForHiveCommand(words, parentSession.getHiveConf());
            if (command != null && !(command instanceof Driver)) {
                runCommand(command, text.substring(words[0].length()).trim());
                return;
            }
            compile(text);
        } catch (HiveSQLException fault) {
            setState(OperationState.ERROR);
            throw fault;
        } catch (Throwable fault) {
            setState(OperationState.ERROR);
            throw new HiveSQLException("Error running query: " + fault, fault);
        }
        if (shouldRunAsync()) {
            runInBackground();
        } else {
            runDriver();
        }
    }

    /** Starts the session's state; Spark's HiveSessionImpl makes no session folders. */
    private void openSession() {
        SessionState session = SessionState.get();
        SessionState.start(session);
        HiveConf conf = queryState.getConf();
        for (String name : SESSION_PATHS) {
            String value = session.getConf().get(name);
            if (value != null) {
                conf.set(name, value);
            }
        }
    }

    private void compile(String text) throws Exception {
        driver = new Driver(queryState, parentSession.getUserName());
        check(driver.compileAndRespond(text));
        Schema columns = driver.getSchema();
        // As in Hive's own: EXPLAIN has rows, though nothing to fetch.
        boolean fetches = driver.getPlan().getFetchTask() != null
                || driver.getPlan().getRootTasks().stream().anyMatch(task -> task.getClass() == ExplainTask.class);
        if (fetches || columns != null && columns.isSetFieldSchemas()) {
            schema = new TableSchema(columns);
        }
        setHasResultSet(fetches);
    }

    private void runInBackground() throws HiveSQLException {
        final SessionState session = SessionState.get();
        final Hive hive;
        try {
            hive = Hive.get(parentSession.getHiveConf());
        } catch (Exception fault) {
            throw new HiveSQLException(fault);
        }
        setBackgroundHandle(parentSession.getSessionManager().submitBackgroundOperation(() -> {
            SessionState.setCurrentSessionState(session);
            Hive.set(hive);
            try {
                runDriver();
            } catch (HiveSQLException fault) {
                setOperationException(fault);
            } finally {
                Hive.closeCurrent();
            }
        }));
    }

    private void runDriver() throws HiveSQLException {
        setState(OperationState.RUNNING);
        try {
            check(driver.run());
        } catch (Throwable fault) {
            if (isOver()) {
                return; // cancelled or timed out meanwhile
            }
            setState(OperationState.ERROR);
            throw fault instanceof HiveSQLException
                    ? (HiveSQLException) fault
                    : new HiveSQLException("Error running query: " + fault, fault);
        }
        if (!isOver()) {
            setState(OperationState.FINISHED);
        }
    }

    /** Runs SET, ADD, RESET and the like; what they print are the rows. */
    private void runCommand(CommandProcessor command, String rest) throws Exception {
        setState(OperationState.RUNNING);
        SessionState session = SessionState.get();
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        PrintStream usual = session.out;
        session.out = new PrintStream(printed, true, StandardCharsets.UTF_8);
        CommandProcessorResponse response;
        try {
            response = command.run(rest);
        } finally {
            session.out = usual;
        }
        check(response);
        commandRows = new ArrayList<>();
        String text = printed.toString(StandardCharsets.UTF_8);
        if (!text.isEmpty()) {
            for (String line : text.split("\n")) {
                commandRows.add(new Object[] {line});
            }
        }
        Schema columns = response.getSchema();
        schema = columns != null ? new TableSchema(columns) : new TableSchema().addStringColumn("result", "");
        setHasResultSet(!commandRows.isEmpty() || columns != null);
        setState(OperationState.FINISHED);
    }

    private static void check(CommandProcessorResponse response) throws HiveSQLException {
        if (response.getResponseCode() != 0) {
            throw new HiveSQLException(
                    "Error while compiling/running statement: " + response.getErrorMessage(),
                    response.getSQLState(),
                    response.getResponseCode(),
                    response.getException());
        }
    }

    private boolean isOver() {
        return getStatus().getState().isTerminal();
    }

    private void timeOut() {
        try {
            stop(OperationState.TIMEDOUT);
        } catch (HiveSQLException fault) {
            throw new IllegalStateException(fault);
        }
    }

    private void stop(OperationState state) throws HiveSQLException {
        if (isOver()) {
            return;
        }
        setState(state);
        if (driver != null) {
            driver.close();
        }
        stopWaiting();
    }

    private void stopWaiting() {
        Future<?> background = getBackgroundHandle();
        if (background != null) {
            background.cancel(true);
        }
        if (alarm != null) {
            alarm.cancel(false);
        }
    }

    @Override
    public void cancel() throws HiveSQLException {
        stop(OperationState.CANCELED);
        cleanupOperationLog();
    }

    @Override
    public void close() throws HiveSQLException {
        if (driver != null) {
            driver.close();
            driver.destroy();
        }
        stopWaiting();
        setState(OperationState.CLOSED);
        cleanupOperationLog();
    }

    @Override
    public TTableSchema getResultSetSchema() {
        return (schema == null ? new TableSchema() : schema).toTTableSchema();
    }

    @Override
    public TRowSet getNextRowSet(FetchOrientation orientation, long maxRows) throws HiveSQLException {
        assertState(OperationState.FINISHED);
        RowSet rows = RowSetFactory.create(schema, getProtocolVersion(), false);
        rows.setStartOffset(rowsGiven);
        try {
            for (Object row : nextRows((int) maxRows)) {
                rows.addRow(row instanceof Object[] ? (Object[]) row : new Object[] {row}); // EXPLAIN gives lines
                rowsGiven++;
            }
        } catch (Exception fault) {
            throw new HiveSQLException(fault);
        }
        return rows.toTRowSet();
    }

    private List<Object> nextRows(int maxRows) throws Exception {
        List<Object> rows = new ArrayList<>();
        if (commandRows != null) {
            rows.addAll(commandRows);
            commandRows.clear();
        } else {
            driver.setMaxRows(maxRows);
            driver.getResults(rows);
        }
        return rows;
    }
}
