#!/usr/bin/env python3
"""What must never come out of `plumb decode`, in any format, on either stream: secrets planted where clients send them."""

import base64
import json
import os
import pathlib
import subprocess
import sys

PLUMB = pathlib.Path(os.environ.get("BUILD_DIR", pathlib.Path(__file__).resolve().parents[2] / "build/release")) / "plumb"
CANARY = "cAnArY"


def line(service, method="POST", path="/", headers=(), body=b"", answer=b"", status=200, host=None):
    if isinstance(body, str):
        body = body.encode()
    scope = f"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/{service}/aws4_request, Signature={CANARY}"
    sent = {"method": method, "scheme": "https", "host": host or f"{service}.us-east-1.amazonaws.com", "path": path,
            "headers": [["Authorization", scope], ["X-Amz-Security-Token", CANARY], ["Cookie", CANARY], *map(list, headers)],
            "body_b64": base64.b64encode(body).decode(),
            "response": {"status": status, "headers": [["Set-Cookie", CANARY]], "body_b64": base64.b64encode(answer).decode()}}
    return json.dumps(sent)


def form(service, body, **more):
    return line(service, headers=[("Content-Type", "application/x-www-form-urlencoded")], body=body, **more)


def target(service, name, body, **more):
    return line(service, headers=[("X-Amz-Target", name), ("Content-Type", "application/x-amz-json-1.1")], body=json.dumps(body), **more)


def cases():
    in_base64 = base64.b64encode(CANARY.encode() * 3).decode()
    yield target("secretsmanager", "secretsmanager.CreateSecret", {"Name": "n", "SecretString": CANARY, "SecretBinary": CANARY})
    yield target("secretsmanager", "secretsmanager.PutSecretValue", {"SecretId": "n", "SecretString": json.dumps({"p": CANARY})})
    yield target("secretsmanager", "secretsmanager.GetSecretValue", {"SecretId": "n"}, answer=json.dumps({"SecretString": CANARY}).encode())
    yield target("ssm", "AmazonSSM.PutParameter", {"Name": "n", "Type": "SecureString", "Value": CANARY})
    yield target("kms", "TrentService.Encrypt", {"KeyId": "k", "Plaintext": CANARY})
    yield target("dynamodb", "DynamoDB_20120810.PutItem", {"TableName": "t", "Item": {"a": {"S": CANARY}}})
    yield target("ecs", "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition",
                 {"family": "f", "containerDefinitions": [{"environment": [{"name": "DB_PASSWORD", "value": CANARY}]}]})
    yield target("cognito-idp", "AWSCognitoIdentityProviderService.AdminSetUserPassword", {"Username": "u", "Password": CANARY})
    yield target("logs", "Logs_20140328.PutLogEvents", {"logEvents": [{"message": CANARY}]})
    yield form("rds", f"Action=CreateDBInstance&Version=2014-10-31&MasterUserPassword={CANARY}&MasterUserSecret={CANARY}")
    yield form("ec2", f"Action=RunInstances&Version=2016-11-15&UserData={CANARY}&LaunchSpecification.UserData={in_base64}")
    yield form("ec2", f"Action=ModifyInstanceAttribute&Version=2016-11-15&InstanceId=i&UserData.Value={CANARY}")
    yield form("ec2", f"Action=CreateLaunchTemplate&Version=2016-11-15&LaunchTemplateData.UserData={CANARY}")
    yield form("iam", f"Action=CreateLoginProfile&Version=2010-05-08&UserName=u&Password={CANARY}", host="iam.amazonaws.com")
    yield form("iam", "Action=CreateAccessKey&Version=2010-05-08&UserName=u", host="iam.amazonaws.com",
               answer=f"<R><AccessKey><SecretAccessKey>{CANARY}</SecretAccessKey></AccessKey></R>".encode())
    yield form("sts", f"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&WebIdentityToken={CANARY}&RoleArn=r")
    # Answers that hand out credentials are read: only the access key id, and whose it is, may come out.
    credentials = f"<Credentials><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>{CANARY}</SecretAccessKey>" \
                  f"<SessionToken>{CANARY}</SessionToken></Credentials>"
    for name in ("AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "GetFederationToken", "GetSessionToken"):
        yield form("sts", f"Action={name}&Version=2011-06-15&SAMLAssertion={CANARY}&WebIdentityToken=a.{in_base64}.{CANARY}&TokenCode={CANARY}",
                   answer=f"<{name}Response><{name}Result>{credentials}</{name}Result></{name}Response>".encode())
    yield line("eks-auth", path="/clusters/c/assume-role-for-pod-identity", body=json.dumps({"token": f"a.{in_base64}.{CANARY}"}),
               answer=json.dumps({"credentials": {"accessKeyId": "ASIAIOSFODNN7EXAMPLE", "secretAccessKey": CANARY, "sessionToken": CANARY}}).encode())
    yield form("ec2", f"Action=StopInstances&Version=2016-11-15&Signature={CANARY}&SecurityToken={CANARY}&AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE")
    yield form("nosuch", f"Action=NoSuch&Version=2016-11-15&a={CANARY}")
    yield line("s3", "PUT", "/bucket/key", [("x-amz-server-side-encryption-customer-key", CANARY), ("x-amz-meta-a", CANARY)], CANARY)
    yield line("s3", "PUT", f"/bucket/key?X-Amz-Signature={CANARY}&X-Amz-Security-Token={CANARY}&Signature={CANARY}", body=CANARY)
    yield line("s3", "GET", "/bucket/key", answer=CANARY.encode())
    yield line("s3", "PUT", "/bucket?policy", body=json.dumps({"note": f"https://user:{CANARY}@host"}))
    yield line("lambda", "PUT", "/2015-03-31/functions/f/code", body=json.dumps({"ZipFile": in_base64}))
    yield line("lambda", "PUT", "/2015-03-31/functions/f/configuration", body=json.dumps({"Environment": {"Variables": {"A": CANARY}}}))
    yield line("lambda", "POST", "/2015-03-31/functions/f/invocations", body=json.dumps({"p": CANARY}))
    yield form("cloudformation", "Action=CreateStack&Version=2010-05-15&Parameters.member.1.ParameterKey=DbPassword&"
               f"Parameters.member.1.ParameterValue={CANARY}")
    yield line("monitoring", "POST", "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm", [("smithy-protocol", "rpc-v2-cbor")],
               b"\xa1\x68Password\x66" + CANARY.encode())
    # What is touched is made of requests and answers too.
    yield form("rds", f"Action=ModifyDBInstance&Version=2014-10-31&DBInstanceIdentifier=d&MasterUserPassword={CANARY}",
               answer=f"<R><ModifyDBInstanceResult><DBInstance><DbiResourceId>db-A</DbiResourceId><Password>{CANARY}</Password></DBInstance></ModifyDBInstanceResult></R>".encode())
    yield form("ec2", f"Action=ModifyInstanceAttribute&Version=2016-11-15&InstanceId=i&Attribute=userData&Value={in_base64}")
    yield form("sns", f"Action=SetTopicAttributes&Version=2010-03-31&TopicArn=t&AttributeName=Policy&AttributeValue=https://user:{CANARY}@host")
    yield line("appsync", path="/v1/apis/a/apikeys", body="{}", answer=json.dumps({"apiKey": {"id": CANARY}}).encode())
    yield line("apigateway", path="/apikeys", body=json.dumps({"name": "n", "value": CANARY}), answer=json.dumps({"id": "i", "value": CANARY}).encode())
    yield target("cognito-idp", "AWSCognitoIdentityProviderService.CreateUserPoolClient", {"UserPoolId": "p", "ClientName": "c"},
                 answer=json.dumps({"UserPoolClient": {"ClientId": "i", "ClientSecret": CANARY}}).encode())
    yield target("secretsmanager", "secretsmanager.UpdateSecret", {"SecretId": "n", "SecretString": CANARY},
                 answer=json.dumps({"ARN": "arn:aws:x", "Name": "n", "SecretString": CANARY}).encode())
    # Lines that are refused: what is wrong is told, not what was in them.
    yield '{"method": "GET", "body_b64": "' + CANARY + '!", "host": "h", "path": "/"}'
    yield '{"method": "GET", "host": "h", "path": "/", "headers": [["authorization", {"x": "' + CANARY + '"}]]}'
    yield '{"' + CANARY
    yield '{"a": ' + CANARY


def main():
    lines = list(cases())
    leaked = 0
    for output in ("ndjson", "json", "table"):
        for number, text in enumerate(lines, 1):
            done = subprocess.run([PLUMB, "decode", "-o", output], input=text + "\n", capture_output=True, text=True, timeout=60)
            if not done.stdout and not done.stderr:
                print(f"case {number}: said nothing")
                leaked += 1
            encoded = (CANARY, base64.b64encode(CANARY.encode() * 3).decode())
            if any(word in done.stdout + done.stderr for word in encoded):
                print(f"case {number}, {output}: {done.stdout}{done.stderr}")
                leaked += 1
    print(f"{len(lines)} exchanges with secrets, 3 formats, {leaked} leaks")
    return 1 if leaked else 0


if __name__ == "__main__":
    sys.exit(main())
