"""The shared catalogue: nine platforms, ten OS versions, nine image types, and two sets of milestones."""

from django.db import migrations

PLATFORMS = [
    ("aws-commercial", "AWS Commercial", "aws", "us-east-1"),
    ("aws-govcloud", "AWS GovCloud", "aws", "us-gov-east-1"),
    ("azure", "Microsoft Azure", "azure", "eastus"),
    ("gcp", "Google Cloud", "gcp", "us-central1"),
    ("openstack", "OpenStack", "openstack", "region1"),
    ("aws-china", "AWS China", "aws", "cn-north-1"),
    ("azure-gov", "Azure Government", "azure", "usgovvirginia"),
    ("gcp-europe", "Google Cloud Europe", "gcp", "europe-west1"),
    ("oci", "Oracle Cloud", "oci", "us-ashburn-1"),
]
OS_VERSIONS = [
    ("rhel-8.8", "Red Hat Enterprise Linux", "8.8"),
    ("rhel-8.9", "Red Hat Enterprise Linux", "8.9"),
    ("rhel-9.2", "Red Hat Enterprise Linux", "9.2"),
    ("rhel-9.3", "Red Hat Enterprise Linux", "9.3"),
    ("ubuntu-20.04", "Ubuntu", "20.04"),
    ("ubuntu-22.04", "Ubuntu", "22.04"),
    ("ubuntu-22.10", "Ubuntu", "22.10"),
    ("ubuntu-23.04", "Ubuntu", "23.04"),
    ("centos-7", "CentOS", "7.9"),
    ("sles-15", "SUSE Linux Enterprise Server", "15.4"),
]
IMAGE_TYPES = [
    ("base", "Base image", "The operating system, hardened."),
    ("hana", "SAP HANA", "For the SAP HANA database."),
    ("sapapp", "SAP application", "For SAP application servers."),
    ("openvpn", "OpenVPN", "A VPN gateway."),
    ("webserver", "Web server", "For web servers."),
    ("database", "Database", "For relational databases."),
    ("cache", "Cache", "For in-memory caches."),
    ("monitoring", "Monitoring", "For monitoring servers."),
    ("security", "Security", "For security scanners and bastions."),
]
# Code, phase, expected minutes from and to, the name by tool and the name by step.
MILESTONES = [
    (0, "queued", 0, 15, "Queued", "Triggered, build id generated"),
    (5, "prepare", 5, 15, "Environment ready", "Kickstart started"),
    (10, "prepare", 10, 30, "Dependencies validated", "Bootable image, SSH key login"),
    (15, "prepare", 5, 10, "Configuration validated", "Base configuration"),
    (20, "build", 5, 15, "Packer started", "Cloud agents and tools"),
    (25, "build", 10, 20, "Base image created", "Security baseline"),
    (30, "build", 5, 10, "Packages", "Monitoring and logging"),
    (35, "build", 10, 30, "Cloud agents", "Runtimes"),
    (40, "build", 5, 10, "Packer complete", "Network"),
    (45, "build", 5, 15, "Snapshot taken", "Storage"),
    (50, "configure", 5, 10, "Ansible started", "Users and authentication"),
    (55, "configure", 10, 30, "Services", "Services installed"),
    (60, "configure", 10, 45, "System", "Application deployed"),
    (65, "configure", 5, 15, "Environment and secrets", "Environment configuration, secrets"),
    (70, "configure", 5, 20, "Application", "Integration tests"),
    (75, "configure", 5, 15, "Ansible complete", "Performance tuning"),
    (80, "verify", 5, 10, "Testing started", "Backup and recovery"),
    (85, "verify", 2, 5, "Security and compliance scan", "Documentation, metadata, tags"),
    (90, "verify", 10, 30, "Tests passed", "Final validation, compliance"),
    (95, "finalize", 2, 5, "Sealed, artifacts registered", "Sealing, cleanup"),
    (100, "delivered", 1, 5, "Delivered", "Published, notified, cleaned"),
]
TEMPLATES = [("standard", "Standard: Packer, Ansible, tests", 4), ("framework", "Framework: step by step", 5)]


def load(apps):
    """Write the rows; `apps` is Django's registry, or that of a migration."""

    def make(name, rows):
        model = apps.get_model("builds", name)
        return model.objects.bulk_create([model(**row) for row in rows])

    make(
        "Platform",
        [dict(slug=s, name=n, cloud_provider=provider, region=r) for s, n, provider, r in PLATFORMS],
    )
    make("OsVersion", [dict(slug=s, name=n, version=v) for s, n, v in OS_VERSIONS])
    make("ImageType", [dict(slug=s, name=n, description=d) for s, n, d in IMAGE_TYPES])
    templates = make("StateTemplate", [dict(slug=s, name=n) for s, n, _ in TEMPLATES])
    codes = [
        dict(
            template=template,
            code=row[0],
            phase=row[1],
            expected_min_minutes=row[2],
            expected_max_minutes=row[3],
            name=row[column],
            is_resumable=row[0] < 100,
        )
        for template, (_, _, column) in zip(templates, TEMPLATES)
        for row in MILESTONES
    ]
    make("StateCode", codes)


class Migration(migrations.Migration):
    dependencies = [("builds", "0001_initial")]

    operations = [migrations.RunPython(lambda apps, _: load(apps), migrations.RunPython.noop)]
