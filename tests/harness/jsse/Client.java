// Makes one HTTPS request by Java's own TLS, which is no native code that a hook could know:
//
//     java Client.java ADDRESS PORT HOST CA_FILE AUTHORIZATION FORM
//
// HOST is what it asks the server for by name (SNI). Ends with 1 where the answer is no 200.
import java.io.FileInputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

class Client {
  public static void main(String[] given) throws Exception {
    var roots = KeyStore.getInstance(KeyStore.getDefaultType());
    roots.load(null);
    try (var file = new FileInputStream(given[3])) {
      roots.setCertificateEntry("test", CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    var trusted = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trusted.init(roots);
    var tls = SSLContext.getInstance("TLS");
    tls.init(null, trusted.getTrustManagers(), null);
    var below = new Socket(given[0], Integer.parseInt(given[1]));
    try (var server = tls.getSocketFactory().createSocket(below, given[2], below.getPort(), true)) {
      server.getOutputStream().write(("POST / HTTP/1.1\r\nHost: " + given[2] + "\r\nAuthorization: " + given[4]
          + "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " + given[5].length() + "\r\n\r\n" + given[5])
          .getBytes(StandardCharsets.ISO_8859_1));
      var answer = new String(server.getInputStream().readNBytes(12), StandardCharsets.ISO_8859_1);
      System.exit(answer.equals("HTTP/1.1 200") ? 0 : 1);
    }
  }
}
