from sms.admin.site import site

__all__ = ["site"]
