# Functions for a POSIX shell that report an image build; source this file. It needs curl.
#
#   SKYLEDGER_URL  such as https://skyledger.example.com
#   SKYLEDGER_KEY  an API key with the scope `write`
#   RUN_ID         names this run of the pipeline: another run of the same build has another one

# METHOD PATH [JSON]: the answer; what a refusal says goes to stderr. Every report may be sent again, so curl
# tries again by itself.
sky() {
    sky_body=$(
        printf 'header = "X-API-Key: %s"\n' "$SKYLEDGER_KEY" | curl --config - --silent --show-error \
            --fail-with-body --max-time 30 --retry 5 --request "$1" --header 'Content-Type: application/json' \
            ${3:+--data "$3"} "$SKYLEDGER_URL/api/v1$2"
    ) || {
        sky_error=$?
        printf '%s\n' "$sky_body" >&2
        return "$sky_error"
    }
    printf '%s\n' "$sky_body"
}

# TEXT: in one line, as JSON wants it between quotes.
sky_text() {
    printf '%s' "$1" | tr '\n\t\r' '   ' | sed 's/[\\"]/\\&/g'
}

# PLATFORM OS_VERSION IMAGE_TYPE BUILD_ID: announce the build, or take up again the one of that name that
# failed. Sets BUILD_UUID, and RESUME_FROM_STATE: the steps before it are done.
sky_announce() {
    sky_answer=$(sky POST /builds "{\"platform\": \"$1\", \"os_version\": \"$2\", \"image_type\": \"$3\",
        \"build_id\": \"$(sky_text "$4")\", \"commit_hash\": \"${COMMIT:-}\"}") || return
    BUILD_UUID=$(printf '%s' "$sky_answer" | sed 's/.*"id": *"\([^"]*\)".*/\1/')
    sky_answer=$(sky GET "/builds/$BUILD_UUID/resume-context?format=env") || return
    eval "$sky_answer"
    case $BUILD_STATUS in
        failed | cancelled) sky POST "/builds/$BUILD_UUID/resume" "{\"run_id\": \"$RUN_ID\"}" >/dev/null ;;
    esac
}

# What a later step needs that does not share this shell's variables.
sky_env() {
    printf '%s\n' "BUILD_UUID=$BUILD_UUID" "RESUME_FROM_STATE=$RESUME_FROM_STATE"
}

# CODE MESSAGE: the build has come to this milestone. Fails when somebody asked it to stop.
sky_state() {
    sky_answer=$(sky POST "/builds/$BUILD_UUID/state" \
        "{\"state_code\": $1, \"message\": \"$(sky_text "$2")\", \"run_id\": \"$RUN_ID\"}") || return
    case $sky_answer in
        *'"cancel_requested":true'*) sky_cancelled && return 1 ;;
    esac
}

# CODE MESSAGE COMMAND …: run one step of the build; its failure is the build's.
sky_step() {
    sky_code=$1 sky_message=$2
    shift 2
    if [ "$sky_code" -lt "$RESUME_FROM_STATE" ]; then
        echo "$sky_code $sky_message: done before"
        return 0
    fi
    sky_state "$sky_code" "$sky_message" || return
    sky_beat >/dev/null 2>&1 &
    sky_status=0
    "$@" || sky_status=$?
    kill "$!" 2>/dev/null || true
    [ "$sky_status" -eq 0 ] || sky_failed "$sky_code" "$sky_message: exit status $sky_status" "${1##*/}"
    return "$sky_status"
}

# Say every two minutes that the run is alive, until killed.
sky_beat() {
    trap 'kill "$!"; exit' TERM
    while :; do
        sleep 120 &
        wait "$!"
        sky POST "/builds/$BUILD_UUID/heartbeat" "{\"run_id\": \"$RUN_ID\"}" || true
    done
}

# CODE MESSAGE COMPONENT: the build failed in this milestone.
sky_failed() {
    sky POST "/builds/$BUILD_UUID/failure" "{\"state_code\": $1, \"error_message\": \"$(sky_text "$2")\",
        \"error_code\": \"STEP_FAILED\", \"component\": \"$(sky_text "$3")\", \"run_id\": \"$RUN_ID\"}" >/dev/null
}

# NAME TYPE STORAGE PATH: what the build made; the platform notes where it is and never fetches it.
sky_image() {
    sky POST "/builds/$BUILD_UUID/artifacts" "{\"name\": \"$(sky_text "$1")\", \"type\": \"$2\",
        \"storage_type\": \"$3\", \"path\": \"$(sky_text "$4")\", \"is_final\": true}" >/dev/null
}

# The run was stopped, and so is the build.
sky_cancelled() {
    sky POST "/builds/$BUILD_UUID/cancel" '{"force": true, "reason": "RUN_CANCELLED"}' >/dev/null
}
