package org.apache.hadoop.hive.llap.io.api;

/** Stands in for a type of hive-llap-client, which pyspark leaves out; Hive's function registry names it. */
public interface LlapIo<T> {}
