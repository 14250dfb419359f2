package tck.support;

import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Empty;
import io.cloudstate.protocol.ActionProtocolGrpc;
import io.cloudstate.protocol.EntityDiscoveryGrpc;
import io.cloudstate.protocol.EntityOuterClass.Entity;
import io.cloudstate.protocol.EntityOuterClass.EntityPassivationStrategy;
import io.cloudstate.protocol.EntityOuterClass.EntitySpec;
import io.cloudstate.protocol.EntityOuterClass.ProxyInfo;
import io.cloudstate.protocol.EntityOuterClass.ServiceInfo;
import io.cloudstate.protocol.EntityOuterClass.TimeoutPassivationStrategy;
import io.cloudstate.protocol.EntityOuterClass.UserFunctionError;
import io.cloudstate.protocol.EventSourcedGrpc;
import io.cloudstate.protocol.ValueEntityGrpc;
import io.cloudstate.tck.model.Eventsourced;
import io.cloudstate.tck.model.eventlogeventing.Eventlogeventing;
import io.cloudstate.tck.model.valueentity.Valueentity;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Everything that a process serves. */
public record Service(
        String name,
        String version,
        List<EventSourced> eventSourced,
        List<ValueEntity> values,
        List<Action> actions) {

    /** Serves on HOST and PORT, without TLS, until the process ends. */
    public void serve() throws Exception {
        String host = System.getenv().getOrDefault("HOST", "127.0.0.1");
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "8080"));
        NettyServerBuilder.forAddress(new InetSocketAddress(host, port))
                .addService(new Discovery(spec()))
                .addService(new EventSourcedServer(eventSourced))
                .addService(new ValueEntityServer(values))
                .addService(new ActionServer(actions))
                .build()
                .start()
                .awaitTermination();
    }

    private EntitySpec spec() {
        EntitySpec.Builder spec = EntitySpec.newBuilder().setProto(descriptors().toByteString());
        for (EventSourced one : eventSourced) {
            spec.addEntities(
                    entity(
                            EventSourcedGrpc.SERVICE_NAME,
                            one.service(),
                            one.persistenceId(),
                            one.passivateAfter()));
        }
        for (ValueEntity one : values) {
            spec.addEntities(
                    entity(
                            ValueEntityGrpc.SERVICE_NAME,
                            one.service(),
                            one.persistenceId(),
                            one.passivateAfter()));
        }
        for (Action one : actions) {
            // Nothing of an action is stored under its persistence id.
            spec.addEntities(
                    entity(ActionProtocolGrpc.SERVICE_NAME, one.service(), one.service(), null));
        }
        return spec.setServiceInfo(
                        ServiceInfo.newBuilder()
                                .setServiceName(name)
                                .setServiceVersion(version)
                                .setServiceRuntime("java " + Runtime.version())
                                .setProtocolMajorVersion(0)
                                .setProtocolMinorVersion(2))
                .build();
    }

    private static Entity entity(
            String type, String service, String persistenceId, Duration passivateAfter) {
        Entity.Builder entity =
                Entity.newBuilder()
                        .setEntityType(type)
                        .setServiceName(service)
                        .setPersistenceId(persistenceId);
        if (passivateAfter != null) {
            entity.setPassivationStrategy(
                    EntityPassivationStrategy.newBuilder()
                            .setTimeout(
                                    TimeoutPassivationStrategy.newBuilder()
                                            .setTimeout(passivateAfter.toMillis())));
        }
        return entity.build();
    }

    /** The files of the services and all that they import, with every option. */
    private static FileDescriptorSet descriptors() {
        Map<String, FileDescriptor> files = new LinkedHashMap<>();
        add(Eventsourced.getDescriptor(), files);
        add(Valueentity.getDescriptor(), files);
        add(io.cloudstate.tck.model.action.Action.getDescriptor(), files);
        add(Eventlogeventing.getDescriptor(), files);
        FileDescriptorSet.Builder set = FileDescriptorSet.newBuilder();
        files.values().forEach(file -> set.addFile(file.toProto()));
        return set.build();
    }

    private static void add(FileDescriptor file, Map<String, FileDescriptor> files) {
        if (!files.containsKey(file.getName())) {
            file.getDependencies().forEach(imported -> add(imported, files));
            files.put(file.getName(), file);
        }
    }

    private static final class Discovery extends EntityDiscoveryGrpc.EntityDiscoveryImplBase {
        private final EntitySpec spec;

        Discovery(EntitySpec spec) {
            this.spec = spec;
        }

        @Override
        public void discover(ProxyInfo proxy, StreamObserver<EntitySpec> out) {
            System.out.println(
                    "discovered by " + proxy.getProxyName() + " " + proxy.getProxyVersion());
            out.onNext(spec);
            out.onCompleted();
        }

        @Override
        public void reportError(UserFunctionError report, StreamObserver<Empty> out) {
            System.err.println("the proxy reports: " + report.getMessage());
            out.onNext(Empty.getDefaultInstance());
            out.onCompleted();
        }
    }
}
