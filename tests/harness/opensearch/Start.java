import java.nio.file.Path;
import java.util.List;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.Node;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.transport.Netty4Plugin;

/** One OpenSearch node on loopback: Node DIRECTORY PORT. Ends with its standard input. */
class Start extends Node {
  Start(Environment environment) {
    super(environment, List.of(Netty4Plugin.class), false);
  }

  public static void main(String[] arguments) throws Exception {
    Settings settings = Settings.builder().put("path.home", arguments[0]).put("path.data", arguments[0] + "/data")
        .put("discovery.type", "single-node").put("network.host", "127.0.0.1").put("http.port", arguments[1])
        .put("transport.type", "netty4").put("http.type", "netty4").put("node.name", "one").build();
    Environment environment = InternalSettingsPreparer.prepareEnvironment(settings, java.util.Map.of(), Path.of(arguments[0], "config"), () -> "one");
    try (Start node = new Start(environment)) {
      node.start();
      System.out.println("started");
      while (System.in.read() >= 0) {
      }
    }
  }
}
