"""The directory server alone is enough to try our commands."""

import pytest
from ipalib import errors


def test_a_policy_is_added_found_and_removed(commands):
    commands.recordingpolicy_add("fast", usercategory="all")
    assert "fast" in str(commands.recordingpolicy_find()["result"])
    commands.recordingpolicy_del("fast")
    with pytest.raises(errors.NotFound):
        commands.recordingpolicy_show("fast")


def test_the_configuration_is_there(commands):
    assert commands.recordingconfig_show()["result"]["iparecordingonfailure"] == ["deny"]
