package org.apache.hadoop.hive.llap.io.api;

import org.apache.hadoop.conf.Configuration;

/** Stands in for a type of hive-llap-client, which pyspark leaves out: there is no LLAP daemon here. */
public class LlapProxy {
    public static boolean isDaemon() {
        return false;
    }

    public static LlapIo getIo() {
        return null;
    }

    public static void initializeLlapIo(Configuration conf) {}

    public static void close() {}
}
