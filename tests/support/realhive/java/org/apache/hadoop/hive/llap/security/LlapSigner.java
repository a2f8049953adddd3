package org.apache.hadoop.hive.llap.security;

/** Stands in for a type of hive-llap-common, which pyspark leaves out; Hive's Driver names it. */
public interface LlapSigner {
    interface Signable {
        interface SignatureRequest {}
    }

    class SignedMessage {}
}
