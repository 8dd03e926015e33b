"""A client in another language: nothing but the .proto files and the certificates, as a stranger would write it.

Usage: client.py <proto folder> <endpoints.json>. Generates its code into a temporary folder, registers a user as the
order service, consumes and refunds as the AI task service, and reads the reason of a refusal. Exits 1 if anything is
not as documented.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import uuid

import grpc

PROTO = pathlib.Path(sys.argv[1])
ENDPOINTS = pathlib.Path(sys.argv[2])


def generate(folder):
    files = [str(path.relative_to(PROTO)) for path in PROTO.glob("billing/v1/*.proto")]
    files += ["google/rpc/status.proto", "google/rpc/error_details.proto"]
    out = [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", *out, *files], check=True)
    # What Python calls google.rpc must be the folder generated here, beside the installed google.protobuf.
    import google

    google.__path__.append(str(pathlib.Path(folder) / "google"))
    sys.path.insert(0, folder)


def channel(endpoints, identity):
    # Certificate paths are relative to the clone; the file lies in a folder of it.
    def read(path):
        return (ENDPOINTS.parent.parent / path).read_bytes()

    own = endpoints["tls"]["identities"][identity]
    credentials = grpc.ssl_channel_credentials(read(endpoints["tls"]["ca"]), read(own["key"]), read(own["cert"]))
    return grpc.secure_channel(endpoints["grpc"], credentials)


def expect(what, actual, wanted):
    if actual != wanted:
        sys.exit(f"{what}: {actual!r} instead of {wanted!r}")
    print(f"  {what}: {actual}")


def reason_of(error):
    from google.rpc import error_details_pb2, status_pb2

    trailers = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    status.details[0].Unpack(info)
    return info.reason


def main():
    endpoints = json.loads(ENDPOINTS.read_text())
    with tempfile.TemporaryDirectory() as folder:
        generate(folder)
        from billing.v1 import membership_service_pb2 as membership
        from billing.v1 import membership_service_pb2_grpc as membership_grpc
        from billing.v1 import quota_service_pb2 as quota
        from billing.v1 import quota_service_pb2_grpc as quota_grpc

        user = f"interop-{uuid.uuid4()}"
        orders = membership_grpc.MembershipServiceStub(channel(endpoints, "order-service"))
        tasks = quota_grpc.QuotaServiceStub(channel(endpoints, "ai-task-service"))

        registered = orders.RegisterUser(membership.RegisterUserRequest(request_id="register", user_id=user))
        units = registered.quota_remaining
        request = quota.ConsumeQuotaRequest(request_id="task-1", user_id=user, amount=3, task_id="task-1")
        expect("remaining after consuming 3", tasks.ConsumeQuota(request).quota_remaining, units - 3)
        expect("replayed when repeated", tasks.ConsumeQuota(request).replayed, True)
        refund = quota.RefundQuotaRequest(request_id="refund-1", user_id=user, consume_request_id="task-1")
        expect("remaining after the refund", tasks.RefundQuota(refund).quota_remaining, units)
        try:
            tasks.ConsumeQuota(quota.ConsumeQuotaRequest(request_id="task-2", user_id=user, amount=units + 1))
            sys.exit("consumed more than there was")
        except grpc.RpcError as error:
            expect("code of a consume beyond the balance", error.code(), grpc.StatusCode.FAILED_PRECONDITION)
            expect("its reason", reason_of(error), "QUOTA_INSUFFICIENT")


main()
