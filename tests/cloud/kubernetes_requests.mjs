// One request of each operation of Kubernetes' JavaScript client, as it makes it: kubernetes_requests.mjs CLIENT_FOLDER
// Lines: {"operation": the client's name of it, "template": its path, "request": as plumb decode takes it}
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const client = path.join(process.argv[2], "node_modules/@kubernetes/client-node/dist/gen");
const { createConfiguration } = await import(pathToFileURL(path.join(client, "configuration.js")));
const { ServerConfiguration } = await import(pathToFileURL(path.join(client, "servers.js")));
// As a pod has it.
const part = (claims) => Buffer.from(JSON.stringify(claims)).toString("base64url");
const jwt = `${part({ alg: "RS256" })}.${part({ iss: "https://kubernetes.default.svc", sub: "system:serviceaccount:shop:deployer" })}.x`;
const token = { getName: () => "BearerToken", applySecurityAuthentication: (c) => c.setHeaderParam("Authorization", `Bearer ${jwt}`) };
const configuration = createConfiguration({
  baseServer: new ServerConfiguration("https://10.96.0.1", {}),
  authMethods: { default: token },
});

const OF_CUSTOM = { group: "example.com", version: "v1" };

for (const file of readdirSync(path.join(client, "apis")).filter((name) => /Api\.js$/.test(name)).sort()) {
  const source = readFileSync(path.join(client, "apis", file), "utf8");
  const module = await import(pathToFileURL(path.join(client, "apis", file)));
  for (const [name, Factory] of Object.entries(module).filter(([key]) => key.endsWith("RequestFactory"))) {
    const factory = new Factory(configuration);
    for (const operation of Object.getOwnPropertyNames(Factory.prototype).filter((key) => key !== "constructor")) {
      const text = factory[operation].toString();
      const parameters = text.slice(text.indexOf("(") + 1, text.indexOf(")")).split(",").map((word) => word.trim());
      const required = new Set([...text.matchAll(/verify required parameter '(\w+)'/g)].map((match) => match[1]));
      const given = parameters.map((word) => (!required.has(word) ? undefined : word === "body" ? {} : OF_CUSTOM[word] ?? `the-${word}`.toLowerCase()));
      const context = await factory[operation](...given);
      const url = new URL(context.getUrl());
      const body = context.getBody();
      console.log(JSON.stringify({
        operation,
        template: /localVarPath = '([^']+)'/.exec(text)[1],
        request: {
          method: context.getHttpMethod(), host: url.host, path: url.pathname + url.search,
          headers: Object.entries(context.getHeaders()).map(([key, value]) => [key, String(value)]),
          body_b64: body ? Buffer.from(String(body)).toString("base64") : "",
        },
      }));
    }
  }
}
