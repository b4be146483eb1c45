// CloudFormation stacks, those of the CDK included: what its API tells of them, or a template alone.
#pragma once

#include <string_view>

#include "baseline/source/readers.hpp"

namespace plumbline::baseline {

/// One JSON object in which the outputs of the AWS command line (or the API's own JSON) for ONE stack are merged, so
/// that no format is invented:
///
///     for c in list-stack-resources describe-stacks 'get-template --template-stage Processed'; do
///       aws cloudformation $c --stack-name shop; done | jq -s add
///
/// - `StackResourceSummaries` (list-stack-resources) or `StackResources` (describe-stack-resources): what there is;
/// - `TemplateBody` (get-template): an object, or text in JSON or YAML with short function names: what was asked for;
/// - `Stacks` (describe-stacks; or one entry of it as `Stack`): the id, hence account and region, and the parameters;
///   `Parameters` may stand beside it, [{ParameterKey, ParameterValue}] or {name: value};
/// - `StackResourceDrifts` (describe-stack-resource-drifts): ExpectedProperties are ready values and win over a
///   template; ActualProperties are a finding of that run, not what is wanted.
///
/// Or a template alone, in JSON or YAML, with the defaults of its parameters (`cdk synth` included): without physical
/// ids its resources are known but not found in API calls, but for those whose name it declares. Facts: the API
/// reference and botocore's model of cloudformation 2010-05-15, the CloudFormation user guide's "Intrinsic function
/// reference".
///
/// - Addresses are "cfn:<source>/<logical id>".
/// - ids: PhysicalResourceId, the ARN for well-known types (cfn_ids.hpp), the name where the id is an ARN or a URL.
/// - Attributes are the declared Properties, with the functions that CfnTemplate resolves. What it does not is left out
///   and told with path and reason, one line a resource. Values of NoEcho parameters and masked ones ("****") are never
///   taken. The CDK's path of a construct is the attribute "Metadata.aws:cdk:path".
/// - Left out: what was deleted or never made, resources that the stack does not list.
/// - Revision: stack_id, last_updated_time; without them the keyed hash of the source.
Result<void> read_cloudformation(const SourceSpec& spec, std::string_view bytes, const Keys& keys, Builder& out);

}  // namespace plumbline::baseline
