// A double of Pulumi's providers "aws" and "local" (which one, by the name it is started under), so that the real engine
// writes real states without a cloud: it takes any inputs, makes an id and an ARN, and does nothing else.
//
// A queue named "blocks" is never created to its end, and the file named by PLUMBLINE_BLOCKED tells that its creation has
// begun; a queue whose name starts with "sticky" is never deleted.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/cmdutil"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	rpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
)

const schemaOfAws = `{"name": "aws", "version": "1.0.0", "provider": {"inputProperties": {"region": {"type": "string"}}}, "resources": {
  "aws:s3/bucket:Bucket": {"inputProperties": {"bucket": {"type": "string"}, "acl": {"type": "string"}, "tags": TAGS},
    "properties": {"arn": {"type": "string"}, "name": {"type": "string"}}},
  "aws:s3/bucketObject:BucketObject": {"inputProperties": {"bucket": {"type": "string"}, "key": {"type": "string"},
    "source": {"$ref": "pulumi.json#/Asset"}, "archive": {"$ref": "pulumi.json#/Archive"}}},
  "aws:sqs/queue:Queue": {"inputProperties": {"name": {"type": "string"}, "delaySeconds": {"type": "number"}, "tags": TAGS},
    "properties": {"arn": {"type": "string"}}},
  "aws:rds/instance:Instance": {"inputProperties": {"identifier": {"type": "string"}, "username": {"type": "string"},
    "password": {"type": "string", "secret": true}, "allocatedStorage": {"type": "number"}, "tags": TAGS,
    "parameters": {"type": "array", "items": {"type": "string"}}}, "properties": {"arn": {"type": "string"}}}}}`

const schemaOfLocal = `{"name": "local", "version": "1.0.0", "provider": {}, "resources": {
  "local:index/file:File": {"inputProperties": {"filename": {"type": "string"}, "content": {"type": "string"},
    "filePermission": {"type": "string"}}, "properties": {"contentSha256": {"type": "string"}}}}}`

type double struct {
	rpc.UnimplementedResourceProviderServer
	name string
}

var marshal = plugin.MarshalOptions{KeepSecrets: true, KeepUnknowns: true, SkipNulls: true}

func (d double) GetSchema(context.Context, *rpc.GetSchemaRequest) (*rpc.GetSchemaResponse, error) {
	schema := schemaOfLocal
	if d.name == "aws" {
		schema = strings.ReplaceAll(schemaOfAws, "TAGS", `{"type": "object", "additionalProperties": {"type": "string"}}`)
	}
	return &rpc.GetSchemaResponse{Schema: schema}, nil
}

func (d double) GetPluginInfo(context.Context, *emptypb.Empty) (*rpc.PluginInfo, error) {
	return &rpc.PluginInfo{Version: "1.0.0"}, nil
}

func (d double) CheckConfig(_ context.Context, r *rpc.CheckRequest) (*rpc.CheckResponse, error) {
	return &rpc.CheckResponse{Inputs: r.News}, nil
}

func (d double) DiffConfig(context.Context, *rpc.DiffRequest) (*rpc.DiffResponse, error) {
	return &rpc.DiffResponse{}, nil
}

func (d double) Configure(context.Context, *rpc.ConfigureRequest) (*rpc.ConfigureResponse, error) {
	return &rpc.ConfigureResponse{AcceptSecrets: true, SupportsPreview: true}, nil
}

// Check notes the names of defaults, as bridged providers do.
func (d double) Check(_ context.Context, r *rpc.CheckRequest) (*rpc.CheckResponse, error) {
	inputs := r.News
	defaults := &structpb.ListValue{}
	if resource.URN(r.Urn).Type() == "aws:s3/bucket:Bucket" && inputs.Fields["acl"] == nil {
		inputs.Fields["acl"] = structpb.NewStringValue("private")
		defaults.Values = append(defaults.Values, structpb.NewStringValue("acl"))
	}
	inputs.Fields["__defaults"] = structpb.NewListValue(defaults)
	return &rpc.CheckResponse{Inputs: inputs}, nil
}

func (d double) Diff(_ context.Context, r *rpc.DiffRequest) (*rpc.DiffResponse, error) {
	old, err := plugin.UnmarshalProperties(r.OldInputs, marshal)
	if err != nil {
		return nil, err
	}
	news, err := plugin.UnmarshalProperties(r.News, marshal)
	if err != nil {
		return nil, err
	}
	diff := old.Diff(news)
	response := &rpc.DiffResponse{Changes: rpc.DiffResponse_DIFF_NONE}
	if diff == nil {
		return response, nil
	}
	response.Changes = rpc.DiffResponse_DIFF_SOME
	for _, key := range diff.ChangedKeys() {
		response.Diffs = append(response.Diffs, string(key))
		if key == "name" {
			response.Replaces = append(response.Replaces, string(key))
		}
	}
	return response, nil
}

func (d double) Create(ctx context.Context, r *rpc.CreateRequest) (*rpc.CreateResponse, error) {
	urn := resource.URN(r.Urn)
	id := urn.Name()
	for _, name := range []string{"bucket", "name", "identifier"} {
		if value := r.Properties.Fields[name].GetStringValue(); value != "" {
			id = value
		}
	}
	outputs := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for key, value := range r.Properties.Fields {
		outputs.Fields[key] = value
	}
	arn := ""
	switch urn.Type() {
	case "aws:s3/bucket:Bucket":
		arn = "arn:aws:s3:::" + id
	case "aws:sqs/queue:Queue":
		arn = "arn:aws:sqs:eu-west-1:123456789012:" + id
		id = "https://sqs.eu-west-1.amazonaws.com/123456789012/" + id
	case "aws:rds/instance:Instance":
		arn = "arn:aws:rds:eu-west-1:123456789012:db:" + id
	}
	if arn != "" {
		outputs.Fields["arn"] = structpb.NewStringValue(arn)
	}
	if strings.HasSuffix(id, "/blocks") && !r.Preview {
		if err := os.WriteFile(os.Getenv("PLUMBLINE_BLOCKED"), nil, 0o600); err != nil {
			return nil, err
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &rpc.CreateResponse{Id: id, Properties: outputs}, nil
}

func (d double) Update(_ context.Context, r *rpc.UpdateRequest) (*rpc.UpdateResponse, error) {
	return &rpc.UpdateResponse{Properties: r.News}, nil
}

func (d double) Read(_ context.Context, r *rpc.ReadRequest) (*rpc.ReadResponse, error) {
	outputs := &structpb.Struct{Fields: map[string]*structpb.Value{"arn": structpb.NewStringValue("arn:aws:s3:::" + r.Id)}}
	return &rpc.ReadResponse{Id: r.Id, Inputs: &structpb.Struct{}, Properties: outputs}, nil
}

func (d double) Delete(_ context.Context, r *rpc.DeleteRequest) (*emptypb.Empty, error) {
	if strings.Contains(r.Id, "/sticky") {
		return nil, errors.New("it does not go")
	}
	return &emptypb.Empty{}, nil
}

func (d double) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func main() {
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), "pulumi-resource-")
	err := provider.Main(name, func(*provider.HostClient) (rpc.ResourceProviderServer, error) {
		return double{name: name}, nil
	})
	if err != nil {
		cmdutil.ExitError(fmt.Sprint(err))
	}
}
