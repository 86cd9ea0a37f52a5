"""Workflow node types that exist elsewhere and are not run by this server."""

from __future__ import annotations

from typing import Final

ACCEPTED: Final = frozenset(
    """
    AwsLambdaNode AwsS3GetNode AwsS3PutNode BranchOnChangeNode CSVDecodeNode CSVEncodeNode
    CertificateCreateNode CertificateReadNode CreateAccessKeyNode CreateExperienceGroupNode
    CreateExperienceUserNode CryptoSignNode CryptoVerifyNode CustomNodeExecuteNode
    DatadogLogsWriteNode DateTimeNode DeleteExperienceUserNode DeviceSendCommandNode
    EdgeDeployNode EndpointReplyNode ExperienceGroupSummaryNode ExperienceUserAuthNode
    ExperienceUserTokenNode FTPGetNode FTPPutNode FileCreateNode FileGetNode GaugeNode
    GenerateIdNode GeofenceNode GetExperienceGroupNode GetExperienceUserNode HashNode
    HtmlParserNode JWTCreateNode JWTDecodeNode JWTVerifyNode LatchNode LogglyWriteNode
    LosantApiNode MailgunNode MongoNode MqttMessageNode NotebookExecuteNode ParticleCallNode
    RandomNumberNode RedisNode RegisterDeviceCertificateNode SalesforceNode
    SamlLoginRedirectNode SamlVerifyNode SendgridEmailNode ServiceNowNode SlackNode
    SnowflakeNode SqlNode SqsSendNode StructureEmailNode StructureSmsNode ThrottleNode
    TimeRangeNode TimeSeriesNode TwilioSmsNode UpdateExperienceGroupNode
    UpdateExperienceUserNode VerifyDeviceNode VerifyExperienceGroupNode WebhookReplyNode
    WebsocketMessageNode WhatsAppNode
    """.split()  # noqa: SIM905 - a list of this length reads better as text
)
"""Accepted when a workflow is saved, with a warning; a run that reaches one throws.

Those for which there is a file in the ``nodes`` folder are run, whatever this list says.
"""

CLOUD_CONNECTORS: Final = ("Azure", "Google")
"""Beginnings of further types that are accepted alike."""

CUSTOM_NODE_END: Final = "CustomNodeCapNode"
"""Accepted in workflows of the custom-node class only."""

OTHER_MACHINES: Final = frozenset({"edge", "embedded"})
"""Classes of workflow that run elsewhere: their nodes are kept, not checked."""


_OTHERWISE: Final = {
    "EdgeDeployNode": "it has no edge agents to deploy to",
    "WebsocketMessageNode": "it has no integrations to send over",
    **dict.fromkeys(
        ("FTPGetNode", "FTPPutNode", "MongoNode", "RedisNode", "SnowflakeNode", "SqlNode"),
        "a Python handler can reach such a service",
    ),
}
_BY_HTTP: Final = "the node HTTP or a Python handler can call the service"


def why_not(node_type: str) -> str:
    """Return why this server does not run a type, and what does instead."""
    return f"{node_type} is not run by this server: {_OTHERWISE.get(node_type, _BY_HTTP)}"


def is_accepted(node_type: str) -> bool:
    """Tell whether a type that this server does not run may be part of a server's workflow."""
    return node_type in ACCEPTED or node_type.startswith(CLOUD_CONNECTORS)
