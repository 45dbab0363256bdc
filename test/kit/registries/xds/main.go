// A control plane of other people's making (envoyproxy/go-control-plane) that serves the resources it is told to.
//
// It prints the address that it listens on. Then each line of its input is {"version": "1", "resources": [{"@type": …}]},
// all that there is from then on, and is answered with {"served": "1"}. What clients refuse is told as it comes:
// {"refused": "<type>", "detail": "<their words>"}. It ends with its input.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"sync"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
)

// Every client is served the same.
type anyNode struct{}

func (anyNode) ID(*core.Node) string { return "all" }

type command struct {
	Version   string            `json:"version"`
	Resources []json.RawMessage `json:"resources"`
}

var output sync.Mutex

func say(words any) {
	text, err := json.Marshal(words)
	if err != nil {
		log.Fatal(err)
	}
	output.Lock()
	defer output.Unlock()
	fmt.Println(string(text))
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where clients connect")
	flag.Parse()

	snapshots := cache.NewSnapshotCache(false, anyNode{}, nil)
	callbacks := server.CallbackFuncs{
		StreamRequestFunc: func(_ int64, request *discovery.DiscoveryRequest) error {
			if request.ErrorDetail != nil {
				say(map[string]string{"refused": request.TypeUrl, "detail": request.ErrorDetail.Message})
			}
			return nil
		},
		StreamDeltaRequestFunc: func(_ int64, request *discovery.DeltaDiscoveryRequest) error {
			if request.ErrorDetail != nil {
				say(map[string]string{"refused": request.TypeUrl, "detail": request.ErrorDetail.Message})
			}
			return nil
		},
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	grpcServer := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, server.NewServer(context.Background(), snapshots, callbacks))
	go func() { log.Fatal(grpcServer.Serve(listener)) }()
	fmt.Println(listener.Addr())

	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if err := serve(snapshots, lines.Bytes()); err != nil {
			log.Fatal(err)
		}
	}
}

func serve(snapshots cache.SnapshotCache, line []byte) error {
	var told command
	if err := json.Unmarshal(line, &told); err != nil {
		return err
	}
	byType := map[string][]types.Resource{}
	for _, text := range told.Resources {
		var wrapped anypb.Any
		if err := protojson.Unmarshal(text, &wrapped); err != nil {
			return err
		}
		resource, err := wrapped.UnmarshalNew()
		if err != nil {
			return err
		}
		byType[wrapped.TypeUrl] = append(byType[wrapped.TypeUrl], resource)
	}
	snapshot, err := cache.NewSnapshot(told.Version, byType)
	if err != nil {
		return err
	}
	if err := snapshots.SetSnapshot(context.Background(), "all", snapshot); err != nil {
		return err
	}
	say(map[string]string{"served": told.Version})
	return nil
}
