package org.apache.hive.service.cli.operation;

import java.lang.reflect.Method;
import java.util.Map;
import org.apache.hive.service.cli.HiveSQLException;
import org.apache.hive.service.cli.session.HiveSession;

/** Answers a client's statement with a {@link HiveSqlOperation}. */
public class HiveOperationManager extends OperationManager {
    @Override
    public ExecuteStatementOperation newExecuteStatementOperation(
            HiveSession session, String statement, Map<String, String> overlay, boolean async, long timeout)
            throws HiveSQLException {
        ExecuteStatementOperation operation =
                new HiveSqlOperation(session, statement, overlay, async, timeout);
        try {
            Method add = OperationManager.class.getDeclaredMethod("addOperation", Operation.class);
            add.setAccessible(true);
            add.invoke(this, operation);
        } catch (ReflectiveOperationException fault) {
            throw new HiveSQLException(fault);
        }
        return operation;
    }
}
