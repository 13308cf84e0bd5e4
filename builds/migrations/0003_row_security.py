from django.db import migrations

from accounts.policies import Also, SecureRows

OWNED = (
    "Artifact",
    "Build",
    "BuildFailure",
    "BuildState",
    "Channel",
    "ChannelAssignment",
    "Project",
    "Resume",
    "Variable",
)


class Migration(migrations.Migration):
    """One table at a time, so that none is locked while the next one is waited for."""

    atomic = False

    dependencies = [
        ('builds', '0002_reference'),
    ]

    operations = [
        SecureRows("Platform", also=Also.READ),
        SecureRows("OsVersion", also=Also.READ),
        SecureRows("ImageType", also=Also.READ),
        SecureRows("StateTemplate", also=Also.READ),
        SecureRows("StateCode", through="template", also=Also.READ),
        *(SecureRows(name) for name in OWNED),
    ]
