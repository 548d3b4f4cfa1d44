"""The admin, for operators: accounts and keys to manage, messages and receipts to look at."""

from django.contrib.admin import AdminSite
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User

from sms.admin.accounts import AccountAdmin, ApiKeyAdmin
from sms.admin.inbound import InboundMessageAdmin, OptOutAdmin
from sms.admin.messages import MessageAdmin
from sms.admin.operations import ReceiptAdmin, ReconciliationAdmin
from sms.admin.routes import RouteAdmin
from sms.models import Account, ApiKey, InboundMessage, Message, OptOut, Receipt, Reconciliation, Route


class OperatorSite(AdminSite):
    """The index page, and all below it."""

    site_header = "SMS messaging service"
    site_title = "SMS messaging service"
    index_title = "Operations"
    site_url = None  # there is no other site to view


site = OperatorSite(name="admin")
site.register(Account, AccountAdmin)
site.register(ApiKey, ApiKeyAdmin)
site.register(Message, MessageAdmin)
site.register(InboundMessage, InboundMessageAdmin)
site.register(OptOut, OptOutAdmin)
site.register(Receipt, ReceiptAdmin)
site.register(Reconciliation, ReconciliationAdmin)
site.register(Route, RouteAdmin)
site.register(User, UserAdmin)
site.register(Group, GroupAdmin)
