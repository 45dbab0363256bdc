/** The pairs that `npm test` leaves out, and the heavy cases of the table, messages of 32 MiB, over all pairs. */
import "../interop/connect-node.test.ts";
import "../interop/connect-node-http1.test.ts";
import "../interop/grpc-js.test.ts";
import "../interop/heddle.test.ts";
import "../interop/heddle-client.test.ts";
import "../interop/tls.test.ts";
