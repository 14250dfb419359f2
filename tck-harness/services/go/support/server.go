package support

import (
	"cmp"
	"context"
	"log"
	"net"
	"os"
	"runtime"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"tck-models/generated/cloudstate"
)

// Service is everything that a process serves.
type Service struct {
	Name         string
	Version      string
	EventSourced []EventSourced
	Values       []ValueEntity
	Actions      []Action
}

// Serve serves on HOST and PORT, without TLS. It returns when that has failed.
func Serve(service Service) error {
	spec, err := service.spec()
	if err != nil {
		return err
	}
	address := net.JoinHostPort(
		cmp.Or(os.Getenv("HOST"), "127.0.0.1"),
		cmp.Or(os.Getenv("PORT"), "8080"),
	)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	cloudstate.RegisterEntityDiscoveryServer(server, &discoveryServer{spec: spec})
	cloudstate.RegisterEventSourcedServer(server, &eventSourcedServer{entities: service.EventSourced})
	cloudstate.RegisterValueEntityServer(server, &valueEntityServer{entities: service.Values})
	cloudstate.RegisterActionProtocolServer(server, &actionServer{actions: service.Actions})
	log.Printf("serving on %s", listener.Addr())
	return server.Serve(listener)
}

type discoveryServer struct {
	cloudstate.UnimplementedEntityDiscoveryServer
	spec *cloudstate.EntitySpec
}

func (server *discoveryServer) Discover(
	_ context.Context, proxy *cloudstate.ProxyInfo,
) (*cloudstate.EntitySpec, error) {
	log.Printf("discovered by %s %s", proxy.ProxyName, proxy.ProxyVersion)
	return server.spec, nil
}

func (server *discoveryServer) ReportError(
	_ context.Context, report *cloudstate.UserFunctionError,
) (*emptypb.Empty, error) {
	log.Printf("the proxy reports: %s", report.Message)
	return &emptypb.Empty{}, nil
}

func (service Service) spec() (*cloudstate.EntitySpec, error) {
	var entities []*cloudstate.Entity
	for _, one := range service.EventSourced {
		entities = append(entities, entity(
			cloudstate.EventSourced_ServiceDesc.ServiceName, one.Service, one.PersistenceID, one.PassivateAfter,
		))
	}
	for _, one := range service.Values {
		entities = append(entities, entity(
			cloudstate.ValueEntity_ServiceDesc.ServiceName, one.Service, one.PersistenceID, one.PassivateAfter,
		))
	}
	for _, one := range service.Actions {
		// Nothing of an action is stored under its persistence id.
		entities = append(entities, entity(
			cloudstate.ActionProtocol_ServiceDesc.ServiceName, one.Service, one.Service, 0,
		))
	}
	var services []string
	for _, one := range entities {
		services = append(services, one.ServiceName)
	}
	descriptors, err := descriptorSet(services)
	return &cloudstate.EntitySpec{
		Proto:    descriptors,
		Entities: entities,
		ServiceInfo: &cloudstate.ServiceInfo{
			ServiceName:          service.Name,
			ServiceVersion:       service.Version,
			ServiceRuntime:       runtime.Version(),
			ProtocolMajorVersion: 0,
			ProtocolMinorVersion: 2,
		},
	}, err
}

func entity(kind, service, persistenceID string, passivateAfter time.Duration) *cloudstate.Entity {
	declared := &cloudstate.Entity{EntityType: kind, ServiceName: service, PersistenceId: persistenceID}
	if passivateAfter > 0 {
		timeout := &cloudstate.TimeoutPassivationStrategy{Timeout: passivateAfter.Milliseconds()}
		declared.PassivationStrategy = &cloudstate.EntityPassivationStrategy{
			Strategy: &cloudstate.EntityPassivationStrategy_Timeout{Timeout: timeout},
		}
	}
	return declared
}
