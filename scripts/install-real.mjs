// The programs of other people that `npm run test:real` runs against Heddle, and the registries of
// `npm start -- --registry …`: packages of Debian, PyPI and npm, programs in Go, and one in Java. On another system the
// missing ones are named and the run fails: a real test is never skipped. What is built is kept in the cache; the first
// time takes some 20 minutes on two cores, most of it for Consul and Kubernetes. Arguments name what is wanted
// (`node scripts/install-real.mjs etcd`); without any it is everything.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { installPackages } from "./real/debian.mjs";
import { buildEureka } from "./real/eureka.mjs";
import { goBuild, goBuildOwn, goDownload, goInstall } from "./real/go.mjs";
import { installOpenApiTools } from "./real/openapi.mjs";
import { fail, run } from "./real/run.mjs";
import { cacheDirectory, toolPath } from "./workspace.mjs";

// What an argument can name → what brings it. Package of Debian → a command that succeeds when it is there.
const parts = {
  peers() {
    installPackages({
      chromium: ["chromium", "--version"],
      curl: ["curl", "--version"],
      "nghttp2-client": ["h2load", "--version"],
      "python3-grpcio": ["/usr/bin/python3", "-c", "import grpc"],
      "python3-kazoo": ["/usr/bin/python3", "-c", "import kazoo"],
      "ruby-grpc": ["ruby", "-e", 'gem "grpc"; gem "googleauth"'],
    });

    // What people ask servers with that have reflection.
    goInstall("grpcurl", "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3");

    // The conformance test of HTTP/2 is a Go program. 2.2.1 is the newest version that the module proxy serves.
    goInstall("h2spec", "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible");

    // So is that of the protocols. Its programs under test read its messages by descriptor: nothing is generated.
    const conformance = { module: "connectrpc.com/conformance", version: "v1.0.5" };
    goInstall("connectconformance", `${conformance.module}/cmd/connectconformance@${conformance.version}`);
    const descriptors = join(cacheDirectory, `conformance-${conformance.version}.binpb`);
    if (existsSync(descriptors)) return;
    const { Dir } = goDownload(conformance.module, conformance.version);
    run(toolPath("buf"), "build", join(Dir, "proto"), "--as-file-descriptor-set", "-o", descriptors);
  },

  openapi: installOpenApiTools,

  dns: () => installPackages({ "dnsmasq-base": ["/usr/sbin/dnsmasq", "--version"] }),
  zookeeper: () => installPackages({ zookeeper: ["test", "-e", "/usr/share/java/zookeeper.jar"] }),

  // What `npm run bench -- balance --real` compares with.
  nginx: () => installPackages({ nginx: ["/usr/sbin/nginx", "-v"] }),

  // Reads what Heddle exposes: the server with promtool, and the parser of another library. And who is told of alerts.
  prometheus: () =>
    installPackages({
      prometheus: ["promtool", "--version"],
      "prometheus-alertmanager": ["amtool", "--version"],
      "python3-prometheus-client": ["/usr/bin/python3", "-c", "import prometheus_client.openmetrics.parser"],
    }),

  // What traces are handed to: the receiver of OpenTelemetry's collector, which tells what it got.
  otlp: () => goBuildOwn("otlp-receiver", "test/kit/otlp-receiver"),

  redis: () => installPackages({ "redis-server": ["redis-server", "--version"] }),

  // Debian's is older than what Kubernetes needs.
  etcd: () =>
    goBuild("etcd", {
      go: "1.26.0",
      requires: { "go.etcd.io/etcd/server/v3": "v3.7.3", "go.etcd.io/etcd/etcdctl/v3": "v3.7.3" },
      programs: { etcd: "go.etcd.io/etcd/server/v3", etcdctl: "go.etcd.io/etcd/etcdctl/v3" },
    }),

  eureka: buildEureka,

  // A control plane of Envoy's kind: the library that others build theirs on, told by tests what to serve.
  xds: () => goBuildOwn("xds-server", "test/kit/registries/xds"),

  // 1.22.7 does not compile with the version of its API that it names.
  consul: () =>
    goBuild("consul", {
      go: "1.25.9",
      requires: { "github.com/hashicorp/consul": "v1.22.7", "github.com/hashicorp/consul/api": "v1.34.1" },
      programs: { consul: "github.com/hashicorp/consul" },
    }),

  // With the etcd that it keeps its state in.
  kubernetes() {
    parts.etcd();
    goBuild("kubernetes", {
      go: "1.26.0",
      requires: { "k8s.io/kubernetes": "v1.36.3" },
      stagedAs: "v0.36.3",
      strings: { "k8s.io/component-base/version.gitVersion": "v1.36.3" },
      programs: { "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver" },
    });
  },
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0)
  fail(`there is no ${unknown.join(", ")}; there are: ${Object.keys(parts).join(", ")}`);
for (const name of wanted.length === 0 ? Object.keys(parts) : wanted) parts[name]();
