// The programs of other people that `npm run test:real` runs against Heddle, and the registries of
// `npm start -- --registry …`: packages of Debian, programs in Go, and one in Java. On another system the missing ones
// are named and the run fails: a real test is never skipped. What is built is kept in the cache; the first time takes
// some 20 minutes on two cores, most of it for Consul and Kubernetes.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { installPackages } from "./real/debian.mjs";
import { buildEureka } from "./real/eureka.mjs";
import { goBuild, goBuildOwn, goDownload, goInstall } from "./real/go.mjs";
import { run } from "./real/run.mjs";
import { cacheDirectory, toolPath } from "./workspace.mjs";

// Package → a command that succeeds when it is there.
installPackages({
  chromium: ["chromium", "--version"],
  curl: ["curl", "--version"],
  "dnsmasq-base": ["/usr/sbin/dnsmasq", "--version"],
  "nghttp2-client": ["h2load", "--version"],
  "python3-consul": ["/usr/bin/python3", "-c", "import consul"],
  "python3-grpcio": ["/usr/bin/python3", "-c", "import grpc"],
  "python3-kazoo": ["/usr/bin/python3", "-c", "import kazoo"],
  "ruby-grpc": ["ruby", "-e", 'gem "grpc"; gem "googleauth"'],
  zookeeper: ["test", "-e", "/usr/share/java/zookeeper.jar"],
});

// The conformance test of HTTP/2 is a Go program. 2.2.1 is the newest version that the module proxy serves.
goInstall("h2spec", "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible");

// So is that of the protocols. Its programs under test read its messages by descriptor: nothing is generated.
const conformance = { module: "connectrpc.com/conformance", version: "v1.0.5" };
goInstall("connectconformance", `${conformance.module}/cmd/connectconformance@${conformance.version}`);
const descriptors = join(cacheDirectory, `conformance-${conformance.version}.binpb`);
if (!existsSync(descriptors)) {
  const { Dir } = goDownload(conformance.module, conformance.version);
  run(toolPath("buf"), "build", join(Dir, "proto"), "--as-file-descriptor-set", "-o", descriptors);
}

// The registries. Debian's etcd is older than what Kubernetes needs.
goBuild("etcd", {
  go: "1.26.0",
  requires: { "go.etcd.io/etcd/server/v3": "v3.7.3", "go.etcd.io/etcd/etcdctl/v3": "v3.7.3" },
  programs: { etcd: "go.etcd.io/etcd/server/v3", etcdctl: "go.etcd.io/etcd/etcdctl/v3" },
});
buildEureka();
// A control plane of Envoy's kind: the library that others build theirs on, told by tests what to serve.
goBuildOwn("xds-server", "test/kit/registries/xds");
// Consul 1.22.7 does not compile with the version of its API that it names.
goBuild("consul", {
  go: "1.25.9",
  requires: { "github.com/hashicorp/consul": "v1.22.7", "github.com/hashicorp/consul/api": "v1.34.1" },
  programs: { consul: "github.com/hashicorp/consul" },
});
goBuild("kubernetes", {
  go: "1.26.0",
  requires: { "k8s.io/kubernetes": "v1.36.3" },
  stagedAs: "v0.36.3",
  strings: { "k8s.io/component-base/version.gitVersion": "v1.36.3" },
  programs: { "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver" },
});
