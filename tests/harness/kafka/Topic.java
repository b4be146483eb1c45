import java.io.FileReader;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Kafka's own client: Topic PROPERTIES COMMAND TOPIC …
 *
 * create PARTITIONS     set KEY VALUE     names (prints each topic)
 * read                  prints what stands in it, a line each: PARTITION OFFSET and, in base64, KEY VALUE record_uid type
 */
class Topic {
  public static void main(String[] arguments) throws Exception {
    Properties properties = new Properties();
    try (FileReader file = new FileReader(arguments[0])) {
      properties.load(file);
    }
    String topic = arguments[2];
    switch (arguments[1]) {
      case "read" -> read(properties, topic);
      case "create" -> {
        try (Admin admin = Admin.create(properties)) {
          admin.createTopics(List.of(new NewTopic(topic, Integer.parseInt(arguments[3]), (short) 1))).all().get();
        }
      }
      case "set" -> {
        try (Admin admin = Admin.create(properties)) {
          AlterConfigOp set = new AlterConfigOp(new ConfigEntry(arguments[3], arguments[4]), AlterConfigOp.OpType.SET);
          admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.TOPIC, topic), List.of(set))).all().get();
        }
      }
      case "names" -> {
        try (Admin admin = Admin.create(properties)) {
          admin.listTopics().names().get().forEach(System.out::println);
        }
      }
      default -> throw new IllegalArgumentException(arguments[1]);
    }
  }

  private static void read(Properties properties, String topic) {
    try (var consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      List<TopicPartition> all = consumer.partitionsFor(topic).stream().map(p -> new TopicPartition(topic, p.partition())).toList();
      consumer.assign(all);
      consumer.seekToBeginning(all);
      Map<TopicPartition, Long> ends = consumer.endOffsets(all);
      while (all.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition)))
        consumer.poll(Duration.ofMillis(200)).forEach(Topic::print);
    }
  }

  private static void print(ConsumerRecord<byte[], byte[]> record) {
    System.out.println(String.join(" ", String.valueOf(record.partition()), String.valueOf(record.offset()), base64(record.key()),
        base64(record.value()), base64(record.headers().lastHeader("record_uid").value()),
        base64(record.headers().lastHeader("type").value())));
  }

  private static String base64(byte[] bytes) {
    return bytes == null ? "-" : Base64.getEncoder().encodeToString(bytes);
  }
}
