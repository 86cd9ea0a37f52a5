"""What is wrong with the config of nodes that react is told when a workflow is saved."""

import pytest

from drover.flows import check_flow
from tests.support.flow_world import flow, node

SERIES = {
    "findMethod": "tags",
    "attribute": ["t"],
    "duration": 1,
    "aggregation": "MEAN",
    "resultPath": "r",
}


@pytest.mark.parametrize(
    ("kind", "config", "place"),
    [
        ("ThrottleNode", {}, "ratePerMinute"),
        ("ThrottleNode", {"ratePerMinute": 0}, "ratePerMinute"),
        ("ThrottleNode", {"ratePerMinute": 601}, "ratePerMinute"),
        ("BranchOnChangeNode", {}, "valuePath"),
        ("BranchOnChangeNode", {"valuePath": "a", "changeType": "value"}, "changeThreshold"),
        ("BranchOnChangeNode", {"valuePath": "a", "changeType": "odd"}, "changeType"),
        ("LatchNode", {"latchExpression": "1 +"}, "latchExpression"),
        ("GeofenceNode", {"gpsCenter": "0,0", "radius": "1"}, "gpsCheck"),
        ("TimeRangeNode", {"days": [True]}, "days"),
        ("StructureEmailNode", {"subjectTemplate": "s", "bodyTemplate": "b"}, "toAddresses"),
        ("GaugeNode", {k: v for k, v in SERIES.items() if k != "findMethod"}, "findMethod"),
        ("GaugeNode", {k: v for k, v in SERIES.items() if k != "duration"}, "duration"),
        ("TimeSeriesNode", {k: v for k, v in SERIES.items() if k != "attribute"}, "attribute"),
        ("TimeSeriesNode", {**SERIES, "attribute": [1]}, "attribute"),
        ("TimeSeriesNode", {k: v for k, v in SERIES.items() if k != "aggregation"}, "aggregation"),
        ("GaugeNode", {**SERIES, "aggregation": "NONE"}, "aggregation"),
        ("WebhookReplyNode", {"bodyTemplateType": "odd"}, "bodyTemplateType"),
        ("EndpointReplyNode", {"cookieInfo": "x"}, "cookieInfo"),
    ],
)
def test_a_flaw_is_told_with_its_place(kind, config, place):
    flaws = check_flow(flow(["a"], node("a", kind, config, [], [])))

    assert [flaw.place for flaw in flaws] == [f"/nodes/0/config/{place}"]
