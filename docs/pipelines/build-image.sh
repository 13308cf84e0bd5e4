#!/bin/sh
# Build an image and report each milestone: build-image.sh PLATFORM OS_VERSION IMAGE_TYPE BUILD_ID
# Run it again after a failure, with another RUN_ID: it goes on at the step that failed.
set -eu
. "$(dirname "$0")/skyledger.sh"

sky_announce "$@"
sky_step 15 "Checking the template" packer validate image.pkr.hcl
sky_step 20 "Building" packer build image.pkr.hcl
sky_step 50 "Configuring" ansible-playbook --inventory inventory.ini configure.yml
sky_step 80 "Testing" ./test-image.sh
sky_image image ami s3 "s3://images/$4"
sky_state 100 "Delivered"
