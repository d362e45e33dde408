// Asks a Ridgeline server for prices. The .proto files are loaded at run time: nothing is generated.
//
//   node client.mjs Predict '{"record": {"numeric": {"memory": 16}, "categorical": {"brand": "Aurivox"}}}'
//   node client.mjs PredictBatch '{"rows": {"records": [{"numeric": {"weight": 1.4}}, {"numeric": {"memory": 8}}]}}'
//
// The argument and the answer are the JSON form of the method's messages; a number that is not one is "NaN".
// What is no such message is refused before anything is sent: the loader would turn it into missing values.
// TARGET      host:port of the server, localhost:50051 if unset
// GOOGLEAPIS  folder that holds google/rpc/*.proto, ../../.build/googleapis if unset (make proto-deps)
// Exit code: 0 answered, 1 refused (the error as JSON on stderr), 2 wrong use.

import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { problemsOf } from "./verify.mjs";

const DEADLINE_MS = 2_000;

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const definition = loadSync(["ridgeline/v1/pricing_service.proto", "google/rpc/error_details.proto"], {
  includeDirs: [here("../../proto"), process.env.GOOGLEAPIS ?? here("../../.build/googleapis")],
  keepCase: true,
  longs: String,
  enums: String,
  bytes: String,
  defaults: true,
});

const SERVICE_CONFIG = {
  loadBalancingConfig: [{ round_robin: {} }],
  methodConfig: [
    {
      name: ["Predict", "PredictBatch", "DescribeModel"].map((method) => ({
        service: "ridgeline.v1.PricingService",
        method,
      })),
      retryPolicy: {
        maxAttempts: 4,
        initialBackoff: "0.1s",
        maxBackoff: "1s",
        backoffMultiplier: 2,
        retryableStatusCodes: ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "CANCELLED"],
      },
    },
  ],
};

/** One call with a deadline; rejects with a grpc.ServiceError. */
function call(client, method, request) {
  const options = { deadline: Date.now() + DEADLINE_MS };
  return new Promise((resolve, reject) => {
    client[method](request, options, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

/** The rich error behind a failed call: google.rpc.Status with its details, from the trailers. */
function richError(error) {
  const [bytes] = error.metadata?.get("grpc-status-details-bin") ?? [];
  const details = bytes ? definition["google.rpc.Status"].deserialize(bytes).details.map(unpack) : [];
  return { code: grpc.status[error.code], message: error.details, details };
}

/** A google.protobuf.Any as the message it holds, or its type alone when the type is unknown here. */
function unpack(any) {
  const type = definition[any.type_url.split("/").at(-1)];
  return { "@type": any.type_url, ...(type ? type.deserialize(Buffer.from(any.value, "base64")) : {}) };
}

const toJson = (message) =>
  JSON.stringify(message, (_, value) => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value), 2);

/** The request in JSON text, checked against its message (verify.mjs); throws WrongUse. */
function parse(text, method) {
  let request;
  try {
    request = JSON.parse(text);
  } catch (error) {
    throw new WrongUse(`The request is not JSON: ${error.message}`);
  }
  const problems = problemsOf(request, `ridgeline.v1.${method}Request`, definition);
  if (problems.length > 0) {
    throw new WrongUse([`The request is no ${method}Request:`, ...problems].join("\n  "));
  }
  return request;
}

class WrongUse extends Error {}

async function main([method, text]) {
  const { PricingService } = grpc.loadPackageDefinition(definition).ridgeline.v1;
  if (!["Predict", "PredictBatch", "DescribeModel"].includes(method) || text === undefined) {
    console.error("usage: node client.mjs Predict|PredictBatch|DescribeModel REQUEST_AS_JSON");
    return 2;
  }
  const client = new PricingService(process.env.TARGET ?? "localhost:50051", grpc.credentials.createInsecure(), {
    "grpc.service_config": JSON.stringify(SERVICE_CONFIG),
    "grpc.max_receive_message_length": 16 * 1024 * 1024,
  });
  try {
    console.log(toJson(await call(client, method, parse(text, method))));
    return 0;
  } catch (error) {
    if (error instanceof WrongUse) {
      console.error(error.message);
      return 2;
    }
    console.error(toJson(richError(error)));
    return 1;
  } finally {
    client.close();
  }
}

process.exitCode = await main(process.argv.slice(2));
